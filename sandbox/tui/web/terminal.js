// Sets the terminal up once its font is there, since it measures the font only once.
window.addEventListener("load", async () => {
  const terminal = document.getElementById("terminal");
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  terminal.dataset.sessionWebsocketUrl = `${scheme}//${location.host}/ws/${terminal.dataset.game}`;
  document.getElementById("again").addEventListener("click", () => location.reload());
  new MutationObserver((_, observer) => {
    if (document.body.classList.contains("-loaded")) {
      observer.disconnect();
      document.querySelector(".xterm-helper-textarea").focus();
    }
  }).observe(document.body, { attributeFilter: ["class"] });
  for (const weight of ["", "bold ", "italic "]) {
    await document.fonts.load(`${weight}16px "Roboto Mono"`).catch(() => {});
  }
  const script = document.createElement("script");
  script.src = "/static/js/textual.js";
  script.onload = () => window.onload();
  document.body.append(script);
});

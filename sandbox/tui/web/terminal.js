const PATIENCE = 600; // seconds for which a server that is gone is waited for
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

// What the server answers now; null where it is gone.
const status = () => fetch("/terminal.js", { cache: "no-store" }).then((answer) => answer.status, () => null);

// The connection is over. Where the server is there, the game has ended; else its return is waited for.
async function closed() {
  const told = document.getElementById("told");
  let now = await status();
  if (now === 200) return;
  for (let waited = 0; now === null && waited < PATIENCE; waited += 2) {
    told.textContent = `The server is away; the game is saved. Waiting for it, ${PATIENCE / 60} minutes at most …`;
    await pause(2);
    now = await status();
  }
  if (now === 200) {
    told.textContent = "The server is back.";
    await pause(2); // a game that lost its server takes a moment to let go of its save
    location.reload();
  } else if (now === null) {
    told.textContent = "The server does not come back. The game is saved.";
  } else {
    told.textContent = "The server is back with another token: open the address that it printed.";
  }
}

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
  new MutationObserver((_, observer) => {
    if (document.body.classList.contains("-closed")) {
      observer.disconnect();
      closed();
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

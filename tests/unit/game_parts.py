"""References of the games that the tests play, and a story of their own."""

SIMPLE = "tw:simple?rewards=dense&goal=detailed&seed=18"
CUSTOM = "tw:custom?rooms=5&objects=8&quest=5&seed=3"
COIN = "tw:coin?level=3&seed=1"

ECHO = """
Global commands = 0;
Array buffer->122; Array parse->64;
[ Main; print "A machine that echoes.^"; Listen(0); quit; ];
[ Listen level n;
  while (1) {
    print "^>"; buffer->0 = 120; buffer->1 = 0; parse->0 = 14;
    @aread buffer parse -> n;
    if (parse->1 == 0) { print "Pardon?^"; continue; }
    commands++;
    switch (buffer->2) {
      'g': Listen(level + 1);
      'b': if (level) rtrue; print "Not called.^";
      'y': print "Level ", level, "^";
      'i': print "Command ", commands, "^";
      'f': while (1) n++;
      'o': Deep(10000);
      'd': print random(10000), "^";
      'w': @save n; print "Written.^";
      'v': print "*** You have won ***^";
      'k': print "*** You have died ***^";
      default: print "You said ", parse->1, " words.^";
    }
  }
];
[ Deep n; if (n) Deep(n-1); rtrue; ];
"""
"""An Inform 6 story of one-letter commands.

g calls the reading routine once more, b returns from it, y tells the level; i counts the commands, d draws a
number, w writes a file; f freezes, o overflows the stack; v wins, k loses.
"""

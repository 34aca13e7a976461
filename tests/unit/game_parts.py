"""References of the games that the tests play, and a story of their own."""

SIMPLE = "tw:simple?rewards=dense&goal=detailed&seed=18"
CUSTOM = "tw:custom?rooms=5&objects=8&quest=5&seed=3"
COIN = "tw:coin?level=3&seed=1"

ECHO = """
Array buffer->122; Array parse->64;
[ Main n;
  print "A machine that echoes.^";
  while (1) {
    print "^>"; buffer->0 = 120; buffer->1 = 0; parse->0 = 14;
    @aread buffer parse -> n;
    if (parse->1 == 0) { print "Pardon?^"; continue; }
    switch (buffer->2) {
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
"""An Inform 6 story: f freezes, o overflows the stack, d draws a number, w writes a file, v wins, k loses."""

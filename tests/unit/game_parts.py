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

KEYS = """
Array buffer->122; Array parse->64; Global mood = 0; Global pressed = 0;
[ Status; @split_window 1; @set_window 1; @set_cursor 1 1; spaces 70; @set_cursor 1 2; print "Cellar";
  @set_cursor 1 50; print "Time:  9:05 am"; @set_window 0; ];
[ Menu k; @split_window 4; @set_window 1; @set_cursor 1 1; spaces 70; @set_cursor 1 20; print "THE MENU";
  @set_cursor 2 1; spaces 70; @set_cursor 2 2; print "N = next"; @set_cursor 2 50; print "P = previous";
  @set_cursor 3 1; spaces 70; @set_cursor 3 2; print "RETURN = read"; @set_cursor 3 50; print "Q = resume game";
  @set_window 0; print "Topics:^^  One^  Two^";
  do { @read_char 1 -> k; pressed++; if (k ~= 'n') print "Key ", k, ".^"; } until (k == 'q'); ];
[ Main n i;
  print "The first line.^The second line.^";
  while (1) {
    print "^>"; Status(); buffer->0 = 120; buffer->1 = 0; parse->0 = 14;
    @aread buffer parse -> n; n = parse->1;
    if (n == 0) { print "Pardon?^"; continue; }
    if (buffer->2 == 'm') { Menu(); continue; }
    if (buffer->2 == 'a') { print "Are you sure?"; continue; }
    for (i = 1: i <= buffer->1: i++) print (char) buffer->(i + 1);
    print "^You said ", n, " words after ", pressed, " keys.^";
  }
];
"""
"""An Inform 6 story with a status line and a clock. m opens a menu of single keys, which q closes; a asks."""

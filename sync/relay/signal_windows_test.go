package relay

import "os"

// Windows has no such signals; the test that would send them skips.
var hold, goOn os.Signal

//go:build !windows

package config

import "io/fs"

// openToOthers reports whether anybody but owner and group may read or write. The group may read, since a package keeps
// a service's secrets as root:gongji 640.
func openToOthers(mode fs.FileMode) bool { return mode.Perm()&0o007 != 0 }

package config

import "io/fs"

// openToOthers is false: on Windows the permission bits that Go shows do not say who may read, the access list of the
// folder does, which the installer sets.
func openToOthers(fs.FileMode) bool { return false }

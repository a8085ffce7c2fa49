package health

import "golang.org/x/sys/windows"

// DiskSpace is the room on the disk of a folder, within the quota of this user.
func DiskSpace(folder string) (Space, error) {
	name, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return Space{}, err
	}
	var space Space
	err = windows.GetDiskFreeSpaceEx(name, &space.Free, &space.Total, nil)
	return space, err
}

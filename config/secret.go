package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// maxSecretBytes is far above any key; a larger file was named by mistake.
const maxSecretBytes = 64 << 10

// ReadSecret reads a secret file without the line end that editors leave. A file that others than its owner and group
// may read or write is refused, so that a key forgotten with wide permissions is noticed before it is used. Errors name
// the file, never its content.
func ReadSecret(path string) ([]byte, error) {
	if p, bad := secretProblem(path); bad {
		return nil, fmt.Errorf("secret file %s: %s", path, p.english)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("secret file: %w", err)
	}
	return bytes.TrimRight(data, "\r\n"), nil
}

// secretProblem is what is wrong with a secret file.
func secretProblem(path string) (problem, bool) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return problemf("the file %[1]s does not exist", "文件 %[1]s 不存在", path), true
	case err != nil:
		return problemf("the file %[1]s cannot be looked at", "文件 %[1]s 无法访问", path), true
	case !info.Mode().IsRegular():
		return problemf("%[1]s is not a file", "%[1]s 不是文件", path), true
	case info.Size() == 0 || info.Size() > maxSecretBytes:
		return problemf("the file %[1]s is empty or too large for a secret", "文件 %[1]s 为空或过大", path), true
	case openToOthers(info.Mode()):
		return problemf("the file %[1]s is open to other users; chmod 600 it", "文件 %[1]s 对其他用户开放，请执行 chmod 600", path), true
	}
	return problem{}, false
}

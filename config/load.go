package config

import (
	"errors"
	"fmt"
	"os"
)

// maxFileBytes is far above any real configuration; a larger file is not one.
const maxFileBytes = 1 << 20

// ErrFile is the cause where the configuration file cannot be read at all.
var ErrFile = errors.New("configuration file")

// Load reads the file over the defaults, applies the environment and validates. Its error is [Faults] with every
// mistake at once, or [ErrFile] with the reason why the file cannot be read.
func Load(path string) (*Config, error) { return load(path, environ()) }

func load(path string, environment []string) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%w %s: larger than %d bytes", ErrFile, path, maxFileBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return Parse(path, data, environment)
}

// Parse is Load for text that is already here. Name stands for the file in faults; environment entries are NAME=value.
func Parse(name string, data []byte, environment []string) (*Config, error) {
	r := newReport(name)
	c := Default()
	if !decode(data, c, r) {
		return nil, r.err()
	}
	override(environment, c, r)
	c.check(r)
	if err := r.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Validate checks a configuration that was put together in code. Its error is [Faults] without lines.
func (c *Config) Validate() error {
	r := newReport("configuration")
	c.check(r)
	return r.err()
}

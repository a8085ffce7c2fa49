// Command sbom writes what a finished Go program is made of: a CycloneDX 1.5 bill of materials, or the licences of its
// modules. Both are read from the program itself, where the linker left the exact modules with their checksums, and not
// from go.mod, which also names what only tests need.
//
// What a C library brings inside a module is not known to the linker: the SQLite that go-sqlite3 carries is a component
// of its own here, with the version that the caller found out from the program.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	notices := flag.Bool("notices", false, "write the modules' licences instead")
	name := flag.String("name", "", "name of the program, by default the file's")
	version := flag.String("version", "", "version of the program")
	sqlite := flag.String("sqlite", "", "version of SQLite that is built in")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: sbom [-notices] [-name NAME] [-version VERSION] [-sqlite VERSION] PROGRAM")
		os.Exit(2)
	}
	if err := run(os.Stdout, flag.Arg(0), *name, *version, *sqlite, *notices); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, program, name, version, sqlite string, notices bool) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	if notices {
		return writeNotices(w, info)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if name == "" {
		name = filepath.Base(program)
	}
	bill := describe(info, name, version, sqlite)
	sum := sha256.Sum256(content)
	bill.Metadata.Component.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum[:])}}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(bill)
}

// bill is the part of CycloneDX that is filled here.
type bill struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Purl       string     `json:"purl,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// describe is the bill of a program. Its time is the release's where SOURCE_DATE_EPOCH says so.
func describe(info *buildinfo.BuildInfo, name, version, sqlite string) *bill {
	at := time.Now().UTC()
	var seconds int64
	if n, err := fmt.Sscan(os.Getenv("SOURCE_DATE_EPOCH"), &seconds); n == 1 && err == nil {
		at = time.Unix(seconds, 0).UTC()
	}
	b := &bill{Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{
		Timestamp: at.Format(time.RFC3339), Component: component{Type: "application", Ref: name, Name: name, Version: version},
	}}
	for _, setting := range info.Settings {
		if slices.Contains([]string{"GOOS", "GOARCH", "CGO_ENABLED", "vcs.revision", "vcs.modified"}, setting.Key) {
			b.Metadata.Component.Properties = append(b.Metadata.Component.Properties, property{"go:" + setting.Key, setting.Value})
		}
	}
	b.Components = append(b.Components, library("std", strings.TrimPrefix(info.GoVersion, "go"), "pkg:golang/std@"+strings.TrimPrefix(info.GoVersion, "go")))
	for _, m := range modules(info) {
		c := library(m.Path, m.Version, "pkg:golang/"+m.Path+"@"+m.Version)
		c.Properties = []property{{"go:h1", m.Sum}} // Go's hash of the module's tree, as go.sum has it
		b.Components = append(b.Components, c)
	}
	if sqlite != "" {
		b.Components = append(b.Components, library("sqlite", sqlite, "pkg:generic/sqlite@"+sqlite))
	}
	return b
}

func library(name, version, purl string) component {
	return component{Type: "library", Ref: purl, Name: name, Version: version, Purl: purl}
}

// modules are those that were linked, with what stands in for them.
func modules(info *buildinfo.BuildInfo) (list []*module) {
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		list = append(list, &module{m.Path, m.Version, m.Sum})
	}
	return list
}

type module struct{ Path, Version, Sum string }

// writeNotices writes the licence of every module, from the module cache. A module without one is an error: it must not
// be passed on.
func writeNotices(w io.Writer, info *buildinfo.BuildInfo) error {
	cache, err := exec.Command("go", "env", "GOMODCACHE").Output()
	if err != nil {
		return fmt.Errorf("the module cache: %w", err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("the Go tool: %w", err)
	}
	if err := writeLicence(w, "Go "+info.GoVersion, strings.TrimSpace(string(root))); err != nil {
		return err
	}
	for _, m := range modules(info) {
		dir := filepath.Join(strings.TrimSpace(string(cache)), escape(m.Path)+"@"+escape(m.Version))
		if err := writeLicence(w, m.Path+" "+m.Version, dir); err != nil {
			return err
		}
	}
	return nil
}

func writeLicence(w io.Writer, title, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := false
	for _, entry := range entries {
		upper := strings.ToUpper(entry.Name())
		if entry.IsDir() || !slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, func(p string) bool { return strings.HasPrefix(upper, p) }) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		found = true
		if _, err := fmt.Fprintf(w, "%s\n%s (%s)\n%s\n\n%s\n\n", strings.Repeat("=", 78), title, entry.Name(), strings.Repeat("=", 78), text); err != nil {
			return err
		}
	}
	if !found {
		return errors.New(title + " has no licence file")
	}
	return nil
}

// escape writes a module's path as the cache does: an upper-case letter is an exclamation mark and the lower-case one.
func escape(path string) string {
	var out strings.Builder
	for _, r := range path {
		if r >= 'A' && r <= 'Z' {
			out.WriteByte('!')
			r += 'a' - 'A'
		}
		out.WriteRune(r)
	}
	return out.String()
}

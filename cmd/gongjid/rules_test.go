package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
)

// The rules of the house, read from the sources themselves: which room may import which, what may stand at the top
// level, and that every package says what it is for. When one of these fails, move the code to the room it belongs in;
// do not widen the table to make room for a shortcut.

// fixedTop is the top level as the owner fixed it; dot files besides.
var fixedTop = []string{"README.md", "cardreader", "cmd", "config", "daemon", "go.mod", "go.sum", "settle", "sync"}

// room says what the packages below a path may import: of this module, and of others. A path prefix matches itself and
// everything below; the longest prefix of a package rules.
type room struct {
	path    string
	house   []string // own packages, by prefix; a room may always import itself
	outside []string // other modules, by prefix
}

var rooms = []room{
	{"config", nil, []string{"github.com/goccy/go-yaml"}},
	{"cardreader", nil, []string{
		"github.com/prometheus/client_golang", "golang.org/x/text", "golang.org/x/sys", "github.com/creack/pty",
		"github.com/cenkalti/backoff/v5"}},
	{"cardreader/serialport", []string{"cardreader"}, []string{"github.com/tarm/serial", "golang.org/x/sys"}},
	{"settle", nil, []string{"github.com/shopspring/decimal"}},
	{"settle/policy", []string{"settle"}, []string{"github.com/goccy/go-yaml"}},
	{"settle/ledger", []string{"settle"}, []string{
		"github.com/mattn/go-sqlite3", "github.com/prometheus/client_golang", "golang.org/x/sys"}},
	{"settle/ledger/lite", []string{"settle"}, []string{"github.com/mattn/go-sqlite3"}},
	{"sync", []string{"settle"}, []string{
		"github.com/prometheus/client_golang", "github.com/cenkalti/backoff/v5", "github.com/emmansun/gmsm",
		"github.com/shopspring/decimal", "aead.dev/minisign"}}, // amounts, prices and ratios of the wire are decimal text
	{"sync/relay", []string{"settle", "sync/nhsa", "sync/feed"}, []string{
		"github.com/prometheus/client_golang", "github.com/nats-io/nats.go", "github.com/nats-io/nkeys", "github.com/nats-io/nuid"}},
	{"sync/centre/pgstore", []string{"settle", "sync"}, []string{"github.com/jackc/pgx/v5", "github.com/prometheus/client_golang"}},
	{"daemon", []string{"config", "cardreader", "settle", "sync"}, []string{
		"github.com/prometheus/client_golang", "github.com/danielgtaylor/huma/v2", "golang.org/x/sys",
		"github.com/coreos/go-systemd/v22", "golang.org/x/text"}},
	{"daemon/session", []string{"cardreader", "settle"}, []string{"github.com/prometheus/client_golang"}},
	{"daemon/records", []string{"settle"}, []string{
		"github.com/xuri/excelize/v2", "github.com/signintech/gopdf", "golang.org/x/text"}},
	{"daemon/localapi", []string{"daemon/session", "daemon/records", "cardreader", "settle"}, []string{
		"github.com/prometheus/client_golang", "github.com/danielgtaylor/huma/v2", "golang.org/x/sys", "golang.org/x/text"}},
	{"daemon/health", []string{"settle"}, []string{"github.com/prometheus/client_golang", "golang.org/x/sys"}},
	{"daemon/console", []string{"settle"}, nil},
	{"cmd/gongji-centre", []string{"sync", "config", "settle"}, []string{"github.com/spf13/cobra", "github.com/prometheus/client_golang"}},
	{"cmd/gongji-bench", []string{""}, []string{""}},
	{"cmd/gongjid", []string{""}, []string{""}},
}

// onlyImporter names modules that one room alone may import, so that a change of library touches one place.
var onlyImporter = map[string]string{
	"github.com/tarm/serial":           "cardreader/serialport",
	"github.com/mattn/go-sqlite3":      "settle/ledger",
	"github.com/jackc/pgx/v5":          "sync/centre/pgstore",
	"github.com/creack/pty":            "cardreader/virtual",
	"github.com/danielgtaylor/huma/v2": "daemon/localapi",
}

func TestTopLevelIsAsFixed(t *testing.T) {
	entries, err := os.ReadDir(moduleRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	ignored := ignoredNames(t)
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || slices.Contains(fixedTop, name) || slices.Contains(ignored, name) {
			continue
		}
		t.Errorf("%s stands at the top level; only %s and dot files may", name, strings.Join(fixedTop, ", "))
	}
}

func TestImportsRunOneWay(t *testing.T) {
	for _, file := range goFiles(t) {
		if file.test {
			continue // a test may look at both sides of a wall
		}
		rule, found := ruleFor(file.pkg)
		if !found {
			t.Errorf("%s: package %q belongs to no room", file.path, file.pkg)
			continue
		}
		for _, imported := range file.imports {
			checkImport(t, file, rule, imported)
		}
	}
}

func checkImport(t *testing.T, file source, rule room, imported string) {
	t.Helper()
	own, inside := strings.CutPrefix(imported, "gongji/")
	switch {
	case inside && (below(own, rule.path) || anyBelow(own, rule.house)):
	case inside:
		t.Errorf("%s imports %s: room %s may import only %v; let it declare a small interface and be handed the implementation",
			file.path, imported, rule.path, rule.house)
	case !strings.Contains(strings.Split(imported, "/")[0], "."): // the standard library
	case !anyBelow(imported, rule.outside):
		t.Errorf("%s imports %s: room %s may use only %v", file.path, imported, rule.path, rule.outside)
	}
	for module, only := range onlyImporter {
		if below(imported, module) && !below(file.pkg, only) {
			t.Errorf("%s imports %s, which only %s may", file.path, imported, only)
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	for _, file := range goFiles(t) {
		if !file.test {
			documented[file.pkg] = documented[file.pkg] || file.doc
		}
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
		if name := path.Base(pkg); slices.Contains([]string{"util", "utils", "common", "types", "misc", "helpers"}, name) {
			t.Errorf("package %s: name it after what it holds", pkg)
		}
	}
}

func TestRoomsTableIsSorted(t *testing.T) {
	if !slices.Contains(fixedTop, "README.md") || !sort.StringsAreSorted(fixedTop) {
		t.Error("keep fixedTop sorted")
	}
}

type source struct {
	path, pkg string // file, and its folder below the module root
	imports   []string
	doc, test bool
}

func goFiles(t *testing.T) []source {
	t.Helper()
	root := moduleRoot(t)
	var files []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && name != root || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(root, name)
		file := source{
			path: filepath.ToSlash(relative), pkg: filepath.ToSlash(filepath.Dir(relative)),
			doc: parsed.Doc != nil, test: strings.HasSuffix(name, "_test.go"),
		}
		for _, spec := range parsed.Imports {
			file.imports = append(file.imports, strings.Trim(spec.Path.Value, `"`))
		}
		files = append(files, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func ruleFor(pkg string) (best room, found bool) {
	for _, r := range rooms {
		if below(pkg, r.path) && (!found || len(r.path) > len(best.path)) {
			best, found = r, true
		}
	}
	return best, found
}

func anyBelow(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return below(name, p) })
}

// below reports whether name is prefix or lies under it; the empty prefix is everything.
func below(name, prefix string) bool {
	return prefix == "" || name == prefix || strings.HasPrefix(name, prefix+"/")
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return root
}

// ignoredNames are the plain names at the top level that .gitignore keeps out of the repository.
func ignoredNames(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(moduleRoot(t), ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, line := range strings.Split(string(data), "\n") {
		if name, rooted := strings.CutPrefix(strings.TrimSpace(line), "/"); rooted {
			names = append(names, strings.TrimSuffix(name, "/"))
		}
	}
	return names
}

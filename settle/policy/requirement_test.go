package policy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// identifiers are all names of the module that a requirement may name: "settle.Bill", "settle.Bill.Day",
// "settle/ledger.Ledger.Settle", "daemon/session.TestWrongCard". Names that are not exported are among them.
func identifiers(t *testing.T) map[string]bool {
	t.Helper()
	root := moduleRoot(t)
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"
		if entry.IsDir() && hidden && path != root {
			return filepath.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		collectNames(filepath.ToSlash(dir), parsed, names)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("there is no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
}

// collectNames adds a file's package-level names, methods, and fields of named structs and interfaces.
func collectNames(pkg string, file *ast.File, names map[string]bool) {
	add := func(parts ...string) { names[pkg+"."+strings.Join(parts, ".")] = true }
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add(d.Name.Name)
				continue
			}
			add(receiver(d.Recv.List[0].Type), d.Name.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range s.Names {
						add(name.Name)
					}
				case *ast.TypeSpec:
					add(s.Name.Name)
					for _, member := range membersOf(s.Type) {
						add(s.Name.Name, member)
					}
				}
			}
		}
	}
}

func receiver(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func membersOf(expr ast.Expr) (members []string) {
	var list *ast.FieldList
	switch e := expr.(type) {
	case *ast.StructType:
		list = e.Fields
	case *ast.InterfaceType:
		list = e.Methods
	default:
		return nil
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			members = append(members, name.Name)
		}
	}
	return members
}

// Every requirement is on the list once, and every name on the list exists: in the sources, the catalogue of codes, or
// the policy schema. When this fails, the code that carried a requirement was renamed or removed; say what carries it
// now, or say honestly that it is missing.
func TestRequirementsNameWhatExists(t *testing.T) {
	list, err := Requirements()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 274 {
		t.Errorf("%d requirements, want 274", len(list))
	}
	known := identifiers(t)
	if !known["settle.MakePlan"] || !known["settle.Bill.Day"] || !known["settle/policy.Set.For"] || known["settle.Nothing"] {
		t.Fatalf("the sources were not read: %d names", len(known))
	}
	for i := range list {
		r := &list[i]
		for _, name := range r.By {
			switch kindOfName(name) {
			case nameUnknown:
				t.Errorf("%s: %q is no Go identifier, code or policy key", r.ID, name)
			case nameGo:
				if !known[name] {
					t.Errorf("%s: there is no %s in the sources", r.ID, name)
				}
			}
		}
	}
}

func TestKindOfName(t *testing.T) {
	for name, want := range map[string]nameKind{
		"E_VENUE": nameCode, "CARD_ABSENT": nameCode, "members.max": nameKey, "share_from": nameKey, "giver.kind": nameKey,
		"settle.MakePlan": nameGo, "settle/ledger.Ledger.Settle": nameGo, "daemon/session.TestWrongCard": nameGo,
		"E_NOTHING": nameUnknown, "members.maximum": nameUnknown, "MakePlan": nameUnknown, "settle.A.B.C": nameUnknown, "": nameUnknown,
	} {
		if got := kindOfName(name); got != want {
			t.Errorf("%q is %d, want %d", name, got, want)
		}
	}
}

// The list refuses what would make it lie.
func TestRequirementsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"- {id: S-001, tags: [SHOW], what: a, by: [E_VENUE]}\n- {id: S-003, tags: [SHOW], what: b, later: c}": "S-003 stands where S-002 belongs",
		"- {id: S-001, tags: [SHOW], what: a, later: c}\n- {id: S-001, tags: [SHOW], what: b, later: c}":      "S-001 stands where S-002 belongs",
		"- {id: S-001, tags: [MAYBE], what: a, later: c}":                                                     "are not all of",
		"- {id: S-001, tags: [SHOW], what: a}":                                                                "needs what",
		"- {id: S-001, tags: [SHOW], what: a, out: b}":                                                        "without the tag OUT",
		"- {id: S-001, tags: [SHOW], what: a, bye: [E_VENUE]}":                                                "requirements:",
	} {
		if _, err := parseRequirements([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

// The table in the package's documentation is the list's own count.
func TestDocumentedCountsAreTrue(t *testing.T) {
	list, err := Requirements()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range CountRequirements(list) {
		row := fmt.Sprintf("//\t%-8s %7d %7d %7d %7d %7d\n", c.Tag, c.Carried, c.Partly, c.Later, c.Left, c.Total())
		if !strings.Contains(string(doc), row) {
			t.Errorf("doc.go lacks the row\n%s", row)
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The pages and examples of config/docs are run as they stand, so that they cannot rot.

const docsFolder = "config/docs"

// needTool finds a program. Without it the test skips, except in CI.
func needTool(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("GONGJI_CI") == "1" {
			t.Fatalf("no %s on this machine, and GONGJI_CI=1 demands the tests of the pages", name)
		}
		t.Skipf("no %s on this machine; the test of this page needs it", name)
	}
}

// runExample runs a program from the root of the repository as a till of the sandbox.
func runExample(t *testing.T, s *sandbox, name string, args ...string) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 60*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = moduleRoot(t)
	cmd.Env = append(os.Environ(), "POS_URL="+s.daemon.URL(), "POS_TOKEN="+s.token)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
	return string(output)
}

func wantLines(t *testing.T, output string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(output, want) {
			t.Errorf("no %q in\n%s", want, output)
		}
	}
}

func TestCurlExample(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq", "iconv"} {
		needTool(t, tool)
	}
	s, _ := startSandbox(t)
	counterTill(t, s).insert(t, "1")
	output := runExample(t, s, "bash", docsFolder+"/examples/till.sh")
	wantLines(t, output, "counter-1 present", "账户 10.00", "own", "示例大药房", "退回账户 5.00", "== done")
}

func TestPythonExample(t *testing.T) {
	needTool(t, "python3")
	s, _ := startSandbox(t)
	counterTill(t, s).insert(t, "1")
	output := runExample(t, s, "python3", docsFolder+"/examples/till.py")
	wantLines(t, output, "账户 5.00", "查询", "拒绝 IDEMPOTENCY_CONFLICT", "已撤销")
}

// build runs a compiler on an example, at the root of the repository.
func build(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 60*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = moduleRoot(t)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
}

func TestCSharpExample(t *testing.T) {
	needTool(t, "mcs")
	needTool(t, "mono")
	program := filepath.Join(t.TempDir(), "Till.exe")
	build(t, "mcs", "-r:System.Net.Http", "-r:System.Runtime.Serialization", "-out:"+program, docsFolder+"/examples/Till.cs")
	s, _ := startSandbox(t)
	counterTill(t, s).insert(t, "1")
	output := runExample(t, s, "mono", program)
	wantLines(t, output, "账户 5.00", "查询", "拒绝 IDEMPOTENCY_CONFLICT", "已撤销")
}

// TestDelphiExample compiles the till with Free Pascal in its Delphi mode: all of it but the call that Delphi makes by its own
// HTTP client.
func TestDelphiExample(t *testing.T) {
	needTool(t, "fpc")
	dir := t.TempDir()
	build(t, "fpc", "-Mdelphi", "-v0", "-FE"+dir, "-o"+filepath.Join(dir, "till"), docsFolder+"/examples/till.dpr")
	s, _ := startSandbox(t)
	counterTill(t, s).insert(t, "1")
	output := runExample(t, s, filepath.Join(dir, "till"))
	wantLines(t, output, "账户 5.00", "查询", "拒绝 IDEMPOTENCY_CONFLICT", "已撤销")
}

// TestPageExample opens the HTML till in Chromium from an origin that the daemon allows, and from one that it does not.
func TestPageExample(t *testing.T) {
	allowed, other := servePages(t), servePages(t)
	s, _ := startSandboxWith(t, sandboxOptions{dir: t.TempDir(), origins: []string{allowed}})
	counterTill(t, s).insert(t, "1")
	page := openConsole(t, s)
	settle := func(origin string, sees ...string) {
		t.Helper()
		fill := fmt.Sprintf(`document.querySelector("#url").value = %q; document.querySelector("#token").value = %q; ""`, s.daemon.URL(), s.token)
		page.do(chromedp.Navigate(origin + "/till.html"))
		if _, err := chromedp.Run(page.ctx, chromedp.Evaluate[string](fill)); err != nil {
			t.Fatal(err)
		}
		page.click("#settle")
		page.sees("#result", sees...)
	}
	settle(allowed, "已结算", "账户 5.00")
	settle(other, "没有应答") // the browser keeps the answer from a page of an origin that is not listed
}

// servePages serves the examples on a port of their own and returns its origin.
func servePages(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.FileServerFS(os.DirFS(filepath.Join(moduleRoot(t), docsFolder, "examples"))), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("pages: %v", err)
		}
	})
	return "http://" + listener.Addr().String()
}

var shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// TestSandboxPage runs the blocks of the sandbox page one after the other, on ports of its own.
func TestSandboxPage(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq", "iconv"} {
		needTool(t, tool)
	}
	page, err := os.ReadFile(filepath.Join(moduleRoot(t), docsFolder, "sandbox.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := shellBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 7 {
		t.Fatalf("only %d blocks in the page", len(blocks))
	}
	// Whatever happens in between, nothing that the page started outlives it.
	script := "set -euo pipefail\ntrap 'cat \"$W/log\" 2>/dev/null || true; kill $(jobs -p) 2>/dev/null || true' EXIT\n"
	for i, block := range blocks {
		script += fmt.Sprintf("echo '== block %d'\n%s", i+1, block[1])
	}
	for _, port := range []string{"127.0.0.1:7311", "127.0.0.1:7312", "127.0.0.1:7400"} {
		script = strings.ReplaceAll(script, port, freePort(t))
	}
	ctx, stop := context.WithTimeout(t.Context(), 170*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir, cmd.WaitDelay = moduleRoot(t), 5*time.Second
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	output, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(output), fmt.Sprintf("== block %d", len(blocks))) {
		t.Fatalf("the page does not run through: %v\n%s", err, output)
	}
	wantLines(t, string(output), "ready ", "3 settlements", "== done")
}

// pages are the README and every page of config/docs, by path below the root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	names, err := filepath.Glob(filepath.Join(moduleRoot(t), docsFolder, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, filepath.Join(moduleRoot(t), "README.md")) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = string(text)
	}
	return found
}

var (
	namedTest = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9_]*)`")
	pageLink  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// TestPagesNameWhatExists: each test that a page names is there, and each link within the repository leads somewhere.
func TestPagesNameWhatExists(t *testing.T) {
	tests := testNames(t)
	promised := 0
	for name, text := range pages(t) {
		for _, found := range namedTest.FindAllStringSubmatch(text, -1) {
			promised++
			if !tests[found[1]] {
				t.Errorf("%s names %s, which is no test", filepath.Base(name), found[1])
			}
		}
		for _, found := range pageLink.FindAllStringSubmatch(text, -1) {
			link, _, _ := strings.Cut(found[1], "#")
			if link == "" || strings.Contains(link, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), filepath.FromSlash(link))); err != nil {
				t.Errorf("%s links to %s: %v", filepath.Base(name), link, err)
			}
		}
	}
	if promised < 20 {
		t.Errorf("the pages name only %d tests", promised)
	}
}

// testNames are the test functions of the whole house.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, file := range goFiles(t) {
		if !file.test {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(moduleRoot(t), file.path), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if f, is := decl.(*ast.FuncDecl); is && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

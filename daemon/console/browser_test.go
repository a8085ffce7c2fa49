package console

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// browser is one Chromium for all tests of the package; each test has a tab of its own.
var browser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

// TestMain ends the browser after the last test.
func TestMain(m *testing.M) {
	code := m.Run()
	if browser.stop != nil {
		browser.stop()
	}
	os.Exit(code)
}

// chromium is the program, or the reason why the tests of the page cannot run.
func chromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("GONGJI_CI") == "1" {
		t.Fatal("no Chromium on this machine, and GONGJI_CI=1 demands the tests of the page")
	}
	t.Skip("no Chromium on this machine; the tests of the page need one (Debian: apt install chromium)")
	return ""
}

// startBrowser starts Chromium once, with nothing that talks to the network.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path := chromium(t)
	browser.once.Do(func() {
		folder, err := os.MkdirTemp("", "gongji-chromium")
		if err != nil {
			browser.err = err
			return
		}
		allocator, end := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path), chromedp.UserDataDir(folder),
			chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU,
			chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
			chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", false),
			chromedp.WindowSize(1366, 768))
		ctx, cancel := chromedp.NewContext(allocator)
		browser.ctx, browser.err = ctx, chromedp.Do(ctx)
		browser.stop = func() {
			cancel()
			end()
			for range 50 { // Chromium's children write for a moment longer
				if os.RemoveAll(folder) == nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	})
	if browser.err != nil {
		t.Fatalf("Chromium does not start: %v", browser.err)
	}
	return browser.ctx
}

// counter is the page in a tab, with everything noted that must not happen.
type counter struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	trouble []string
}

// sentinel notes violations of the content policy from the page's first moment.
const sentinel = `window.violations = []; document.addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective + " " + e.blockedURI));`

// open shows the page of a till; the fragment is what follows # in the address.
func open(t *testing.T, f *till, fragment string) *counter {
	t.Helper()
	return openAt(t, f.url(), fragment, time.Now())
}

// openAt shows the page at an address in a browser whose clock says now: a page and the daemon behind it are of one day, whatever
// day the test is run on.
func openAt(t *testing.T, address, fragment string, now time.Time) *counter {
	t.Helper()
	c := &counter{t: t}
	ctx, cancel := chromedp.NewContext(startBrowser(t), chromedp.WithNewBrowserContext(), chromedp.WithListener(c.listen))
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	limited, stop := context.WithTimeout(ctx, 40*time.Second)
	t.Cleanup(stop)
	c.ctx = limited
	if _, err := chromedp.Call(limited, log.Enable, struct{}{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(limited, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: sentinel + clockAt(now)}); err != nil {
		t.Fatal(err)
	}
	c.do(chromedp.EmulateViewport(1366, 768))
	if fragment != "" {
		address += "#" + fragment
	}
	c.do(chromedp.Navigate(address))
	return c
}

// clockAt sets a page's clock, which goes on from there.
func clockAt(now time.Time) string {
	return fmt.Sprintf(`(() => {
	const real = Date, ahead = %d - real.now(), told = () => real.now() + ahead;
	globalThis.Date = class Date extends real {
		constructor(...parts) { parts.length ? super(...parts) : super(told()); }
		static now() { return told(); }
	};
})();`, now.UnixMilli())
}

// listen notes exceptions, errors of the console and what the browser itself complains of. That a request was refused or
// a server was away is noted by the browser as an error too; those are what the tests are about.
func (c *counter) listen(event any) {
	note := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		note = "exception: " + e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			note += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			note = fmt.Sprintf("console: %s", e.Args[0].Value)
		}
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork && (e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning) {
			note = fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text)
		}
	}
	if note != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.trouble = append(c.trouble, note)
	}
}

// clean fails the test when anything happened that must not: exceptions, console errors, violations of the policy, a
// token in the address, or anything kept in the browser.
func (c *counter) clean() {
	c.t.Helper()
	var seen struct {
		Violations []string
		Address    string
		Kept       int
		Cookie     string
	}
	c.eval(`({violations: window.violations, address: location.href, kept: localStorage.length + sessionStorage.length, cookie: document.cookie})`, &seen)
	if len(seen.Violations) > 0 || strings.Contains(seen.Address, "token") || seen.Kept != 0 || seen.Cookie != "" {
		c.t.Errorf("the page is not clean: %+v", seen)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, note := range c.trouble {
		c.t.Errorf("the browser complains: %s", note)
	}
}

func (c *counter) do(steps ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	if err := chromedp.Do(c.ctx, steps...); err != nil {
		c.shot("failed")
		c.t.Fatal(err)
	}
}

// eval reads a JavaScript expression into v.
func (c *counter) eval(expression string, v any) {
	c.t.Helper()
	raw, err := chromedp.Run(c.ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		c.t.Fatalf("%s: %v", expression, err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		c.t.Fatalf("%s gave %s: %v", expression, raw, err)
	}
}

// text is the visible text of the first element of a selector, or "". What is not drawn has none: innerText alone would tell what a
// closed dialog said the last time.
func (c *counter) text(selector string) (text string) {
	c.t.Helper()
	c.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); return e?.checkVisibility() ? e.innerText : ""; })()`, selector), &text)
	return text
}

func (c *counter) count(selector string) (n int) {
	c.t.Helper()
	c.eval(fmt.Sprintf(`document.querySelectorAll(%q).length`, selector), &n)
	return n
}

// sees waits until an element's text has all the parts.
func (c *counter) sees(selector string, parts ...string) {
	c.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		text, missing := c.text(selector), ""
		for _, part := range parts {
			if !strings.Contains(text, part) {
				missing = part
			}
		}
		if missing == "" && (text != "" || len(parts) == 0) {
			return
		}
		if time.Now().After(deadline) {
			c.shot("failed")
			c.t.Fatalf("%s does not show %q, but:\n%s", selector, missing, text)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}

// ready waits until the settle button can be pressed.
func (c *counter) ready() {
	c.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); c.count("#settle:enabled") != 1; {
		if time.Now().After(deadline) {
			c.shot("failed")
			c.t.Fatalf("the bill cannot be settled:\n%s", c.text("#split"))
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}

// click presses the mouse on an element; one that is drawn anew between being found and being pressed is found again.
func (c *counter) click(selector string) {
	c.t.Helper()
	press := chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible)
	for deadline := time.Now().Add(5 * time.Second); ; {
		err := chromedp.Do(c.ctx, press)
		if err == nil {
			return
		}
		if !strings.Contains(err.Error(), "node") || time.Now().After(deadline) {
			c.shot("failed")
			c.t.Fatalf("click %s: %v", selector, err)
		}
	}
}

// press types keys wherever the focus is.
func (c *counter) press(keys string) {
	c.t.Helper()
	c.do(chromedp.KeyEvent(keys))
}

// shot keeps a picture where GONGJI_TEST_SHOTS names a folder.
func (c *counter) shot(name string) {
	folder := os.Getenv("GONGJI_TEST_SHOTS")
	if folder == "" {
		return
	}
	for _, size := range [][2]int64{{1366, 768}, {1920, 1080}} {
		_ = chromedp.Do(c.ctx, chromedp.EmulateViewport(size[0], size[1]))
		picture, err := chromedp.Run(c.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			return
		}
		_ = os.MkdirAll(folder, 0o755)
		_ = os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d.png", name, size[0])), picture, 0o644)
	}
	_ = chromedp.Do(c.ctx, chromedp.EmulateViewport(1366, 768))
}

// key names for the tests.
const (
	f1, f2, f3, f4, f6 = kb.F1, kb.F2, kb.F3, kb.F4, kb.F6
	f7, f8, f9, f10    = kb.F7, kb.F8, kb.F9, kb.F10
	enter              = kb.Enter
	escape             = kb.Escape
	arrowDown          = kb.ArrowDown
)

// focus puts the focus on an element; resize gives the tab another size.
func focus(selector string) chromedp.Action[chromedp.Void] {
	return chromedp.Focus(chromedp.CSS(selector), chromedp.NodeVisible)
}

func resize(width, height int64) chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(width, height)
}

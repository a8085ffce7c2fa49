package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"gongji/cardreader/virtual"
)

// counterPage is the console of a running demo in a real browser.
type counterPage struct {
	t   *testing.T
	ctx context.Context
}

// openConsole starts headless Chromium on the demo's console. Without Chromium the test skips, except in CI.
func openConsole(t *testing.T, s *sandbox) *counterPage {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("GONGJI_CI") == "1" {
			t.Fatal("no chromium on this machine, and GONGJI_CI=1 demands the tests of the page")
		}
		t.Skip("no chromium on this machine; the tests of the page need one (Debian: apt install chromium)")
	}
	allocator, end := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()),
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1366, 768))
	t.Cleanup(end)
	page := &counterPage{t: t}
	tab, cancel := chromedp.NewContext(allocator, chromedp.WithListener(page.listen))
	t.Cleanup(cancel)
	limited, stop := context.WithTimeout(tab, 60*time.Second)
	t.Cleanup(stop)
	page.ctx = limited
	page.do(chromedp.EmulateViewport(1366, 768), chromedp.Navigate(fmt.Sprintf("%s/console/#token=%s", s.daemon.URL(), s.token)))
	return page
}

func (p *counterPage) listen(event any) {
	if e, ok := event.(*runtime.EventExceptionThrown); ok {
		p.t.Errorf("exception in the page: %s", e.ExceptionDetails.Text)
	}
}

func (p *counterPage) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.shot("failed")
		p.t.Fatal(err)
	}
}

func (p *counterPage) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// text is the visible text of the first element of a selector.
func (p *counterPage) text(selector string) string {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q)?.innerText ?? ""`, selector)))
	if err != nil {
		p.t.Fatal(err)
	}
	return text
}

// sees waits until an element is there and shows all the parts.
func (p *counterPage) sees(selector string, parts ...string) {
	p.t.Helper()
	var text string
	missing := eventually(p.ctx, func() string {
		if text = p.text(selector); text == "" {
			return "anything" // nor is there an element that shows nothing
		}
		for _, part := range parts {
			if !strings.Contains(text, part) {
				return part
			}
		}
		return ""
	})
	if missing != "" {
		p.shot("failed")
		p.t.Fatalf("%s does not show %q, but:\n%s", selector, missing, text)
	}
}

// shot keeps a picture where GONGJI_TEST_SHOTS names a folder.
func (p *counterPage) shot(name string) {
	folder := os.Getenv("GONGJI_TEST_SHOTS")
	if folder == "" {
		return
	}
	if picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot()); err == nil {
		_ = os.WriteFile(filepath.Join(folder, "demo-"+name+".png"), picture, 0o644)
	}
}

// eventually looks again until nothing is missing, for at most ten seconds; it returns what is missing at the end.
func eventually(ctx context.Context, look func() (missing string)) string {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		missing := look()
		if missing == "" {
			return ""
		}
		select {
		case <-ctx.Done():
			return missing
		case <-ticker.C:
		}
	}
}

// TestConsoleAgainstTheRealDaemon is a cashier's hour in a real browser: every part behind the page is the product's own.
func TestConsoleAgainstTheRealDaemon(t *testing.T) {
	s, _ := startSandbox(t)
	p := openConsole(t, s)
	p.sees("#card .card-title", "请插入患者本人的社保卡")
	p.sees("#chips", "读卡器 正常", "医保中心 在线")
	p.click("#demo-1")
	p.sees("#card .card-title", "周*")
	p.click("#sample")
	p.sees(".parts", "本人账户", "¥ 38.60", "共济")
	p.sees("#settle:enabled")
	p.shot("quoted")

	// The card is pulled between quote and settlement.
	if err := s.Remove(); err != nil {
		t.Fatal(err)
	}
	p.sees("#card .card-title", "卡已拔出")
	p.click("#demo-1")
	p.sees("#card .card-title", "周*")
	p.sees(".parts", "本人账户", "¥ 38.60")
	if missing := eventually(p.ctx, func() string {
		if n, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](`document.querySelectorAll("#settle:enabled").length`)); err != nil || n != 1 {
			return "an enabled settle button"
		}
		return ""
	}); missing != "" {
		t.Fatal("missing", missing)
	}
	p.click("#settle")
	p.sees(".done-title", "结算成功")
	p.sees("#report", "中心已入账")
	p.shot("settled")
	if rows := len(s.centre.book.Standing()); rows != 1 {
		t.Errorf("the centre has %d rows, want 1", rows)
	}

	// A stranger's card for a named patient.
	p.click("#new-bill")
	p.click("#demo-5")
	p.sees("#card .card-title", "陆*")
	p.click("#sample")
	p.do(chromedp.Focus(chromedp.CSS("#patient-number"), chromedp.NodeVisible))
	p.do(chromedp.KeyEvent(s.family.Patient.IDNumber + "\t"))
	p.sees(".problem-title", "人卡不一致")
	p.shot("refused")
}

// TestConsoleBuysForAnother: a proxy purchase in a real browser, the agent's identity card on a reader that speaks its own bytes.
// What was typed is held against that card by the daemon, and the agent is in the record.
func TestConsoleBuysForAnother(t *testing.T) {
	s, _ := startSandbox(t)
	agent := s.family.Spouse
	document, err := virtual.NewIdentity(virtual.Holder{
		Name: agent.Name, Sex: agent.Sex, Ethnicity: agent.Ethnicity, Birth: agent.Born.String(), Address: "湖南省长沙市示例路1号",
		Number: agent.IDNumber, Issuer: "长沙市公安局", From: agent.Issued.String(), To: "长期",
	})
	if err != nil {
		t.Fatal(err)
	}
	p := openConsole(t, s)
	p.sees("#chips", "读卡器 正常")
	p.click("#demo-1")
	p.sees("#card .card-title", "周*")
	p.click("#sample")
	p.sees("#settle:enabled")
	p.agent(s.family.Daughter.IDNumber, s.family.Daughter.Name) // not whose card will lie on the reader
	p.do(chromedp.KeyEvent(kb.Enter))
	p.sees("#presenter-fault", "请先把代购人的身份证放在身份证阅读器上")
	s.id.Insert(document)
	p.sees("#presenter-reader", "身份证阅读器：", "将与所填核对")
	p.click("#presenter button[type=submit]")
	p.sees(".problem-code", "PROXY")
	p.shot("proxy-other")
	p.agent(agent.IDNumber, agent.Name)
	p.shot("proxy")
	p.click("#presenter button[type=submit]")
	p.sees("#who", "代购人 "+agent.Name)
	p.sees("#settle:enabled")
	p.click("#settle")
	p.sees(".done-title", "结算成功")
	p.sees("#report", "中心已入账")
}

// agent opens the window of who buys where it is shut, and fills in whoever buys for the patient, with both documents.
func (p *counterPage) agent(number, name string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(kb.F3))
	p.sees("#presenter[open]", "谁来买")
	fill := fmt.Sprintf(`(() => { const e = document.querySelector("#presenter form").elements;
		e.who.value = "proxy"; e.who.dispatchEvent(new Event("change")); e.number.value = %q; e.name.value = %q; e.principal.checked = e.agent.checked = true; e.name.focus(); return true; })()`, number, name)
	if _, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](fill)); err != nil {
		p.t.Fatal(err)
	}
}

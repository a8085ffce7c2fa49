package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// configFile writes the configuration of a running sandbox as its operator would have it.
func configFile(t *testing.T, s *sandbox, listen, upstream string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "gongjid.yaml")
	text := fmt.Sprintf(`
data: %s
region: "430100"
venue: {code: P43010000001, name: 示例大药房, kind: pharmacy, area: "430100", agreement_until: 2099-12-31}
listen: {api: %q, metrics: %q}
reader: {kind: gempc, port: %s}
upstream: {url: %q, timeout: 3s}
`, dataDir(s), listen, hostPort(t, s.daemon.MetricsURL()), s.reader.Path(), upstream)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func runCheck(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out := &lockedLog{}
	root := rootCommand()
	root.SetOut(out)
	root.SetArgs(append([]string{"check"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func hostPort(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func TestCheckBesideARunningDaemon(t *testing.T) {
	s, _ := startSandbox(t)
	counterTill(t, s)
	file := configFile(t, s, hostPort(t, s.daemon.URL()), s.centre.url())
	out, err := runCheck(t, "--config", file)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"✓ 守护进程 daemon", "– 读卡器 reader", "✓ 医保中心 centre", "✓ 账本 ledger", "一切正常", "gongjid " + version, "地区 region 430100",
		"✓ 上报 outbox         全部已上报", "✓ 告警 warnings"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, err = runCheck(t, "--config", file, "--security")
	skipped := 1 // no socket
	if strings.Contains(out, "–  1") {
		skipped++ // a machine without a network
	}
	if err != nil || strings.Count(out, "✓") != len(attacks)+len(defences)-skipped || !strings.Contains(out, "– 14") {
		t.Errorf("%v\n%s", err, out)
	}
	// Once more at once: that guesses are slowed down by now is no fault.
	if out, err := runCheck(t, "--config", file, "--security"); err != nil {
		t.Errorf("the second time: %v\n%s", err, out)
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	s, _ := startSandbox(t)
	if err := s.SetCentre(false); err != nil {
		t.Fatal(err)
	}
	if err := s.Unplug(); err != nil {
		t.Fatal(err)
	}
	out, err := runCheck(t, "--config", configFile(t, s, "127.0.0.1:1", s.centre.url()))
	if err == nil {
		t.Fatalf("nothing is wrong?\n%s", out)
	}
	for _, want := range []string{"– 守护进程 daemon", "✗ 读卡器 reader", "READER_DOWN", "✗ 医保中心 centre", "连不上 " + s.centre.url(), "2 项有问题"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out, err = runCheck(t, "--config", configFile(t, s, "127.0.0.1:1", s.centre.url()), "--security")
	if err == nil || !strings.Contains(out, "守护进程没有运行") {
		t.Errorf("attacking nobody: %v\n%s", err, out)
	}
}

// TestCheckSaysThatWarningsTakeTime: the daemon warns of a reader after seconds. Beside a fault that the check has just seen
// itself, it must not read as if all were well with the daemon.
func TestCheckSaysThatWarningsTakeTime(t *testing.T) {
	s, _ := startSandbox(t)
	counterTill(t, s)
	if err := s.Unplug(); err != nil {
		t.Fatal(err)
	}
	out, err := runCheck(t, "--config", configFile(t, s, hostPort(t, s.daemon.URL()), s.centre.url()))
	fault, warnings := strings.Index(out, "✗ 读卡器 reader"), strings.Index(out, "✓ 告警 warnings")
	if err == nil || fault < 0 || warnings < fault || strings.Contains(out, "没有告警 no warnings") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestCheckNamesThePorts: where the configured port is not there, a technician is told which are.
func TestCheckNamesThePorts(t *testing.T) {
	s, _ := startSandbox(t)
	file := configFile(t, s, "127.0.0.1:1", s.centre.url())
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	missing := strings.Replace(string(text), s.reader.Path(), filepath.Join(t.TempDir(), "ttyUSB0"), 1)
	if err := os.WriteFile(file, []byte(missing), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runCheck(t, "--config", file)
	if err == nil || !strings.Contains(out, "READER_DOWN") || !strings.Contains(out, "USB 串口") && !strings.Contains(out, "本机的串口") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestCheckMakesNothing: before the first start the data folder is not there, and is not after the check either.
func TestCheckMakesNothing(t *testing.T) {
	s, _ := startSandbox(t)
	file := configFile(t, s, "127.0.0.1:1", s.centre.url())
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	data := filepath.Join(root, "gongji", "data")
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), dataDir(s), data, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := runCheck(t, "--config", file) // the sandbox's daemon holds the reader
	for _, want := range []string{"✓ 账本 ledger", "the daemon makes " + data, "✓ 上报 outbox", "✓ 磁盘 disk"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if made, err := os.ReadDir(root); err != nil || len(made) > 0 {
		t.Errorf("the check made %v, %v", made, err)
	}
}

// TestSandboxMayBeStoppedAndStartedAgain on the same directory, with everything still there.
func TestSandboxMayBeStoppedAndStartedAgain(t *testing.T) {
	dir := t.TempDir()
	for run := range 2 {
		s, err := newSandbox(t.Context(), sandboxOptions{dir: dir, listen: "127.0.0.1:0", region: "430100", log: quietLog(os.Stderr)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.run(ctx) }()
		till := counterTill(t, s)
		if run == 0 {
			if err := till.purchase(t.Context()); err != nil {
				t.Error(err)
			}
		} else if rows := len(s.centre.book.Standing()); rows != 1 {
			t.Errorf("after the restart the centre has %d rows, want 1", rows)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// TestSecurityPageIsTheCheck: the page of the checklist has each of its lines once, and says of each whether it is attacked.
func TestSecurityPageIsTheCheck(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(moduleRoot(t), docsFolder, "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	attacked := map[int]bool{22: true}
	for _, a := range attacks {
		attacked[a.row] = true
	}
	for _, d := range defences {
		attacked[d.row] = true
	}
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|[^|]*\|([^|]*)\|([^|]*)\|$`).FindAllStringSubmatch(string(page), -1)
	if len(rows) != 23 {
		t.Fatalf("%d lines of 23", len(rows))
	}
	for i, row := range rows {
		if row[1] != strconv.Itoa(i+1) {
			t.Errorf("line %d is numbered %s", i+1, row[1])
		}
		if said := strings.TrimSpace(row[2]) != "–"; said != attacked[i+1] && i+1 != 10 {
			t.Errorf("line %d: the page says attacked %t, the check %t", i+1, said, attacked[i+1])
		}
		if !namedTest.MatchString(row[3]) {
			t.Errorf("line %d names no test", i+1)
		}
	}
}

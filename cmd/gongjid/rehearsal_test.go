package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
	"gongji/sync/centre"
)

// TestRehearsal is what an integrator does with the three programs: a centre, a reader and the daemon as processes of
// their own, with a configuration file and a token, and no test code between them.
func TestRehearsal(t *testing.T) {
	dir := t.TempDir()
	centreProgram := filepath.Join(dir, "gongji-centre")
	if output, err := exec.Command("go", "build", "-o", centreProgram, "../gongji-centre").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	centreAt, api := freePort(t), freePort(t)
	start(t, exec.Command(centreProgram, "--listen", centreAt, "--data", filepath.Join(dir, "centre"), "--demo"))

	link := filepath.Join(dir, "reader")
	reader := exec.Command(built(t), "simulate", "reader", "--kind", "gempc", "--link", link, "--card", demoCardFile(t))
	in, err := reader.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, reader)

	data := filepath.Join(dir, "data")
	token, _, code := runTool(t, "pos", "add", "counter-1", "--data", data)
	if code != 0 {
		t.Fatal("no token")
	}
	file := filepath.Join(dir, "gongjid.yaml")
	writeFile(t, file, fmt.Sprintf(`
data: %s
region: "430100"
venue: {code: P43010000001, name: 示例大药房, kind: pharmacy, area: "430100", agreement_until: 2099-12-31}
listen: {api: %q, metrics: ""}
reader: {kind: gempc, port: %s}
upstream: {url: "http://%s/", extensions: [feed, expected_split, trace], feed: {interval: 1s}}
`, data, api, link, centreAt))
	daemon := exec.Command(built(t), "run", "--config", file)
	start(t, daemon)

	c := client.New("http://"+api, strings.TrimSpace(token))
	t.Cleanup(c.Close)
	wait(t, "the daemon and its reader", func() error {
		answer, err := c.Reader(t.Context())
		if err == nil && answer.Readers[0].State != "absent" {
			err = fmt.Errorf("reader %s", answer.Readers[0].State)
		}
		return err
	})
	if _, err := in.Write([]byte("insert\n")); err != nil {
		t.Fatal(err)
	}
	sale := session.SaleRequest{
		SaleID: "REHEARSAL-1", Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1"}, MedType: "41", WaitSeconds: 20,
		Lines: []session.LineRequest{{
			ID: "1", Code: "C14010200002", Name: "医用口罩", Class: "consumable", Quantity: "10", UnitPrice: "9.90", Total: "99.00",
		}},
	}
	settled, _, err := c.Settle(t.Context(), session.SettleRequest{SaleRequest: sale})
	if err != nil {
		t.Fatal(err)
	}
	if settled.OwnPaid != "38.60" || settled.SharedPaid != "60.40" || settled.CashDue != "0.00" {
		t.Errorf("split %+v", settled.SplitAnswer)
	}
	wait(t, "the centre's acceptance", func() error {
		now, err := c.Sale(t.Context(), "REHEARSAL-1")
		if err == nil && now.State != string(settle.ReportAccepted) {
			err = fmt.Errorf("state %s", now.State)
		}
		return err
	})

	// Cut the power: what was acknowledged is there, and the ledger verifies.
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait()
	stdout, stderr, code := runTool(t, "verify", "--data", data)
	if code != 0 || !strings.Contains(stdout, "1 settlements") {
		t.Errorf("verify: exit %d\n%s%s", code, stdout, stderr)
	}
	again := exec.Command(built(t), "run", "--config", file)
	start(t, again)
	wait(t, "the daemon after the cut", func() error { _, err := c.Sale(t.Context(), "REHEARSAL-1"); return err })
	if _, replayed, err := c.Settle(t.Context(), session.SettleRequest{SaleRequest: sale}); err != nil || !replayed {
		t.Errorf("the same sale after the cut: replayed %v, %v", replayed, err)
	}
}

// start runs a process that the test ends with SIGTERM.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if strings.Contains(lines.Text(), `"level":"ERROR"`) || strings.Contains(lines.Text(), "panic") {
				t.Errorf("%s: %s", filepath.Base(cmd.Path), lines.Text())
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-copied
		_ = cmd.Wait()
	})
}

// demoCardFile is the demo patient's card as a technician would write it.
func demoCardFile(t *testing.T) string {
	t.Helper()
	p := centre.DemoFamily(settle.DateOf(time.Now())).Patient
	digits := func(d settle.Date) string { return strings.ReplaceAll(d.String(), "-", "") }
	data, err := json.Marshal(map[string]any{
		"kind": "social-1.00",
		"ef05": map[string]string{"01": p.Identifier, "05": digits(p.Issued), "06": digits(p.Expires), "07": p.CardNumber},
		"ef06": map[string]string{"08": p.IDNumber, "09": p.Name, "0A": p.Sex, "0B": p.Ethnicity, "0D": digits(p.Born)},
	})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "card.json")
	writeFile(t, name, string(data))
	return name
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// freePort is an address that was free a moment ago; processes cannot tell each other a port that they picked.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func wait(t *testing.T, what string, there func() error) {
	t.Helper()
	if missing := eventually(t.Context(), func() string {
		if err := there(); err != nil {
			return err.Error()
		}
		return ""
	}); missing != "" {
		t.Fatalf("waiting for %s: %s", what, missing)
	}
}

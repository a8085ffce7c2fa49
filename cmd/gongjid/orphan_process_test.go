package main

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
	"gongji/sync/centre"
)

// TestOrphanIsReversedOnce: under authority platform the centre books a sale and its answer is still on the way when the power
// fails. The daemon that comes up has the booking reversed, once; the till's repeat is settled and stands once. Daemon, reader
// and ledger are as installed; only the centre is the test's.
func TestOrphanIsReversedOnce(t *testing.T) {
	for _, c := range []struct {
		name, infno, medType string
		visit                *session.VisitRequest
	}{
		{"pharmacy", "2102", "41", nil},
		{"clinic", "2207", "11", &session.VisitRequest{
			Number: "V1", DoctorCode: "D430100000001", DoctorName: "张伟", DeptCode: "A02", DeptName: "全科", Caty: "A02",
			BeganAt: time.Now().Format(time.RFC3339), Diagnoses: []session.DiagnosisRequest{{Code: "J20.900", Name: "急性支气管炎"}},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := newOrphanage(t, c.infno, c.name)
			sale := session.SettleRequest{SaleRequest: session.SaleRequest{
				SaleID: "ORPHAN-1", Terminal: "counter-1", Operator: session.OperatorRequest{ID: "1"}, MedType: c.medType, Visit: c.visit, WaitSeconds: 20,
				Lines: []session.LineRequest{{
					ID: "1", Code: "C14010200002", Name: "医用口罩", Class: "consumable", Quantity: "1", UnitPrice: "9.90", Total: "9.90",
				}},
			}}
			answered := make(chan error, 1)
			go func() {
				_, _, err := o.client.Settle(t.Context(), sale)
				answered <- err
			}()
			wait(t, "the booking", func() error {
				if n := len(o.centre.Standing()); n != 1 {
					return fmt.Errorf("%d rows", n)
				}
				return nil
			})
			if err := o.daemon.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = o.daemon.Wait()
			if err := <-answered; err == nil {
				t.Fatal("the till has an answer")
			}
			o.run()
			wait(t, "the reversal", func() error {
				if n := len(o.centre.Standing()); n != 0 || o.centre.OpenVisits() != 0 || fmt.Sprint(o.centre.Balances()) != o.before {
					return fmt.Errorf("%d rows stand, %d visits are open", n, o.centre.OpenVisits())
				}
				return nil
			})
			undone := 0
			for _, row := range o.centre.Book() {
				if row.Undone || row.Cancels != "" {
					undone++
				}
			}
			if undone != 1 {
				t.Errorf("the booking was taken back %d times: %+v", undone, o.centre.Book())
			}
			if _, err := o.client.Sale(t.Context(), "ORPHAN-1"); err == nil {
				t.Error("the till has a settlement that it was never told of")
			}
			settled, replayed, err := o.client.Settle(t.Context(), sale)
			if err != nil || replayed || settled.Offline {
				t.Fatalf("the repeat: %+v, replayed %v, %v", settled, replayed, err)
			}
			if rows := o.centre.Standing(); len(rows) != 1 || rows[0].Figures.Total != 990 {
				t.Errorf("the centre has %+v", rows)
			}
			if stdout, stderr, code := o.verify(); code != 0 || !strings.Contains(stdout, "1 settlements") {
				t.Errorf("verify: exit %d\n%s%s", code, stdout, stderr)
			}
		})
	}
}

// orphanage is an installed daemon before a centre whose first answer to a settlement never comes.
type orphanage struct {
	t      *testing.T
	file   string
	data   string
	before string
	centre *centre.Centre
	daemon *exec.Cmd
	client *client.Client
}

func newOrphanage(t *testing.T, infno, kind string) *orphanage {
	dir := t.TempDir()
	o := &orphanage{t: t, data: filepath.Join(dir, "data"), file: filepath.Join(dir, "gongjid.yaml")}
	var lost atomic.Bool
	book, err := centre.New(centre.Options{Faults: func(asked string) centre.Fault {
		if asked == infno && lost.CompareAndSwap(false, true) {
			return centre.Fault{Kind: centre.FaultDelayAfter, Delay: 15 * time.Second}
		}
		return centre.Fault{}
	}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := book.Seed(centre.DemoFamily(settle.DateOf(now)).Snapshot(now)); err != nil {
		t.Fatal(err)
	}
	o.centre, o.before = book, fmt.Sprint(book.Balances())
	server := httptest.NewServer(book.Handler())
	t.Cleanup(server.CloseClientConnections)

	link, api := filepath.Join(dir, "reader"), freePort(t)
	reader := exec.Command(built(t), "simulate", "reader", "--kind", "gempc", "--link", link, "--card", demoCardFile(t))
	in, err := reader.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, reader)
	token, _, code := runTool(t, "pos", "add", "counter-1", "--data", o.data)
	if code != 0 {
		t.Fatal("no token")
	}
	writeFile(t, o.file, fmt.Sprintf(`
data: %s
region: "430100"
venue: {code: P43010000001, name: 示例大药房, kind: %s, area: "430100", agreement_until: 2099-12-31}
listen: {api: %q, metrics: ""}
reader: {kind: gempc, port: %s}
upstream: {url: %q, authority: platform, inline_timeout: 20s, proof_after: 1s, extensions: [feed, expected_split, trace], feed: {interval: 1s}}
`, o.data, kind, api, link, server.URL))
	o.client = client.New("http://"+api, strings.TrimSpace(token))
	t.Cleanup(o.client.Close)
	o.run()
	if _, err := in.Write([]byte("insert\n")); err != nil { // the card stays in, also while the daemon is away
		t.Fatal(err)
	}
	return o
}

// run starts the daemon and waits for its reader and its line.
func (o *orphanage) run() {
	o.daemon = exec.Command(built(o.t), "run", "--config", o.file)
	start(o.t, o.daemon)
	wait(o.t, "the daemon, its reader and its line", func() error {
		answer, err := o.client.Reader(o.t.Context())
		if err == nil && (answer.Readers[0].State == "down" || answer.Readers[0].State == "fault") {
			err = fmt.Errorf("reader %s", answer.Readers[0].State)
		}
		if err != nil {
			return err
		}
		upstream, err := o.client.Upstream(o.t.Context())
		if err == nil && upstream.State != "online" {
			err = errors.New(upstream.State)
		}
		return err
	})
}

func (o *orphanage) verify() (stdout, stderr string, code int) {
	if err := o.daemon.Process.Kill(); err != nil {
		o.t.Fatal(err)
	}
	_ = o.daemon.Wait()
	return runTool(o.t, "verify", "--data", o.data)
}

package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"gongji/daemon/localapi"
	"gongji/daemon/session"
	"gongji/settle/ledger"
)

// binary is gongjid, built once for all tests.
var binary struct {
	once      sync.Once
	dir, path string
	err       error
}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(binary.dir)
	os.Exit(code)
}

// rehearsal is a shop with a test's needs.
type rehearsal struct {
	*Shop
	t *testing.T
}

func built(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the real binary")
	}
	binary.once.Do(func() {
		if binary.dir, binary.err = os.MkdirTemp("", "gongjid-"); binary.err == nil {
			binary.path, binary.err = Build(context.Background(), binary.dir)
		}
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
}

func open(t *testing.T, o Options) *rehearsal {
	t.Helper()
	built(t)
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Binary = binary.path
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rehearsal{s, t}
}

// start runs a daemon until it is ready.
func (r *rehearsal) start(extra ...string) *Process {
	r.t.Helper()
	p, err := r.Start(extra...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { p.Kill() })
	ctx, stop := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer stop()
	if err := p.Ready(ctx); err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *rehearsal) stop(p *Process) {
	r.t.Helper()
	if err := p.Stop(10 * time.Second); err != nil {
		r.t.Errorf("%v\n%s", err, r.LogTail())
	}
}

func (r *rehearsal) drain(p *Process) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.t.Context(), 60*time.Second)
	defer stop()
	if err := p.Drain(ctx); err != nil {
		r.t.Fatal(err)
	}
}

var operator = session.OperatorRequest{ID: "1001", Name: "李敏"}

// sale is a bill of one line.
func sale(till int, id, price string) session.SettleRequest {
	return session.SettleRequest{SaleRequest: session.SaleRequest{
		SaleID: id, Terminal: Till(till), Operator: operator, MedType: "41", PersonCheck: "card_read", WaitSeconds: 10,
		Lines: []session.LineRequest{{
			ID: "1", Code: "C14010200002", ShopCode: "7002", Name: "医用口罩", Class: "consumable", Quantity: "1", UnitPrice: price, Total: price,
		}},
	}}
}

func (r *rehearsal) sell(till int, id, price string) localapi.SettlementAnswer {
	r.t.Helper()
	c := r.Client(till)
	defer c.Close()
	answer, _, err := c.Settle(r.t.Context(), sale(till, id, price))
	if err != nil {
		r.t.Fatal(err)
	}
	return answer
}

// wantVerified demands that the files are whole.
func (r *rehearsal) wantVerified() ledger.VerifyReport {
	r.t.Helper()
	report, err := ledger.VerifyDir(r.t.Context(), r.Data(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if !report.OK() {
		r.t.Fatalf("verify: %v", report.Findings)
	}
	return report
}

// tool runs a command of the binary to its end.
func (r *rehearsal) tool(args ...string) (output string, err error) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.t.Context(), time.Minute)
	defer stop()
	text, err := exec.CommandContext(ctx, binary.path, args...).CombinedOutput()
	return string(text), err
}

// ask is a request that the client has no method for.
func (r *rehearsal) ask(token, method, path string, body any) (status int, answer string) {
	r.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		r.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.APIURL()+path, bytes.NewReader(data))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// eventually polls until what is looked for is there; what is missing is named in the end.
func (r *rehearsal) eventually(within time.Duration, look func() (missing string)) {
	r.t.Helper()
	deadline := time.Now().Add(within)
	for {
		missing := look()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("after %s: %s\n%s", within, missing, r.LogTail())
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-r.t.Context().Done():
			r.t.Fatal(r.t.Context().Err())
		}
	}
}

// warns polls the readiness until a warning stands (or, with gone, no longer does).
func (r *rehearsal) warns(code string, gone bool) {
	r.t.Helper()
	r.eventually(40*time.Second, func() string {
		_, text := r.ask("", http.MethodGet, "/readyz?verbose", nil)
		var answer struct {
			Warnings []localapi.Warning `json:"warnings"`
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			return err.Error() + ": " + text
		}
		there := false
		for _, w := range answer.Warnings {
			there = there || w.Code == code && w.Title != "" && w.Remedy != ""
		}
		if there == gone {
			return fmt.Sprintf("warning %s: %t, want %t: %s", code, there, !gone, text)
		}
		return ""
	})
}

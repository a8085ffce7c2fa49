package shop

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
)

// TestRestoredShopEndsAgreed: a shop's disk dies, its ledger comes back from a backup, and every report that was unsent in the
// backup waits for a person. Whatever they try, the centre has each sale once in the end, and the day agrees.
func TestRestoredShopEndsAgreed(t *testing.T) {
	for _, c := range []struct {
		name         string
		sent         bool // the reports went out after the backup was made
		right, wrong string
	}{
		{"not sent before the disk died", false, "re_report", "adopt"},
		{"sent before the disk died", true, "adopt", "re_report"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(t, Options{Tills: 2})
			p := r.start()
			r.sell(0, "BEFORE", "1.10") // the centre names its office, and the family is known
			r.drain(p)
			if err := r.SetCentre(false); err != nil {
				t.Fatal(err)
			}
			held := []localapi.SettlementAnswer{r.sell(0, "HELD-1", "5.00"), r.sell(1, "HELD-2", "7.00")}
			r.backupAndLose(p, c.sent)
			p = r.start()
			r.decideHeld(held, c.right, c.wrong)
			r.sell(0, "AFTER", "2.20")
			r.drain(p)
			r.wantCentreRows(map[string]int{"1.10": 1, "5.00": 1, "7.00": 1, "2.20": 1})
			today := time.Now().In(settle.Beijing).Format(time.DateOnly)
			status, text := r.ask(r.manager, http.MethodPost, "/v1/reconciliations", map[string]any{"day": today})
			if status >= 300 || !strings.Contains(text, `"state":"agreed"`) {
				t.Errorf("the day's reconciliation: %d %s", status, text)
			}
			r.stop(p)
			r.wantVerified()
		})
	}
}

// backupAndLose makes a backup, lets the old daemon go on for a while, and puts the backup in the place of its ledger.
func (r *rehearsal) backupAndLose(p *Process, goOn bool) {
	r.t.Helper()
	backup, key := filepath.Join(r.o.Dir, "a.backup"), filepath.Join(r.o.Dir, "a.key")
	if text, err := r.tool("backup", "--data", r.Data(), "--to", backup, "--key-to", key); err != nil {
		r.t.Fatal(err, text)
	}
	if goOn {
		if err := r.SetCentre(true); err != nil {
			r.t.Fatal(err)
		}
		r.drain(p)
	}
	p.Kill()
	if err := os.Rename(r.Data(), filepath.Join(r.o.Dir, "dead")); err != nil {
		r.t.Fatal(err)
	}
	if text, err := r.tool("restore", "--from", backup, "--key", key, "--data", r.Data()); err != nil || !strings.Contains(text, "2 reports wait") {
		r.t.Fatal(err, text)
	}
	if err := r.SetCentre(true); err != nil {
		r.t.Fatal(err)
	}
}

// decideHeld tries the wrong decision about each held report, is refused in Chinese, and then decides rightly.
func (r *rehearsal) decideHeld(held []localapi.SettlementAnswer, right, wrong string) {
	r.t.Helper()
	office := r.Office()
	defer office.Close()
	list, err := office.Attention(r.t.Context())
	if err != nil || len(list.Items) != len(held) {
		r.t.Fatalf("work list: %+v %v", list, err)
	}
	for _, item := range list.Items {
		if item.Kind != "held" || len(item.Decisions) != 2 || item.Amount == nil || item.Holder == "" {
			r.t.Errorf("item %+v", item)
		}
		request := session.CloseAttentionRequest{Operator: operator, Note: "已与中心核对", Decision: wrong}
		_, err := office.CloseAttention(r.t.Context(), item.ID, request)
		problem := problemOf(err)
		if problem == nil || problem.Code != settle.BadRequest || len(problem.Fields) != 1 || !strings.Contains(problem.Fields[0].Message, "请选择") {
			r.t.Errorf("%s of item %d: %v", wrong, item.ID, err)
		}
		request.Decision = ""
		if _, err := office.CloseAttention(r.t.Context(), item.ID, request); client.CodeOf(err) != settle.BadRequest {
			r.t.Errorf("an item that holds a report back was closed without a decision: %v", err)
		}
		request.Decision = right
		if _, err := office.CloseAttention(r.t.Context(), item.ID, request); err != nil {
			r.t.Fatalf("%s of item %d: %v\n%s", right, item.ID, err, r.LogTail())
		}
	}
	r.eventually(30*time.Second, func() string {
		for _, h := range held {
			now, err := office.Settlement(context.Background(), h.SettlementID)
			if err != nil {
				return err.Error()
			}
			if now.Report != "accepted" {
				return h.SaleID + " is " + now.Report
			}
		}
		return ""
	})
}

func problemOf(err error) *client.Problem {
	p, _ := err.(*client.Problem) //nolint:errorlint // the client returns it bare
	return p
}

// wantCentreRows demands how often the centre has a standing settlement of each total.
func (r *rehearsal) wantCentreRows(want map[string]int) {
	r.t.Helper()
	have := map[string]int{}
	for _, row := range r.Centre.Standing() {
		have[row.Figures.Total.String()]++
	}
	for total, n := range want {
		if have[total] != n {
			r.t.Errorf("the centre has %d settlements of %s, want %d", have[total], total, n)
		}
		delete(have, total)
	}
	if len(have) > 0 {
		r.t.Errorf("the centre has more: %v", have)
	}
}

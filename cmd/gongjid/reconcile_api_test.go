package main

import (
	"archive/zip"
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gongji/daemon/localapi"
	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
	"gongji/sync/centre"
)

// managerTokenOf is a new manager's token for a sandbox; an earlier one of the same directory ends.
func managerTokenOf(t *testing.T, s *sandbox) string {
	t.Helper()
	tokens, err := localapi.OpenTokens(filepath.Join(s.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := tokens.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range list {
		if known.Name == "office" {
			if err := tokens.Revoke("office"); err != nil {
				t.Fatal(err)
			}
		}
	}
	token, err := tokens.Add("office", localapi.Manager)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// manage is a manager's access to a sandbox.
func manage(t *testing.T, s *sandbox) *client.Client {
	t.Helper()
	c := client.New(s.daemon.URL(), managerTokenOf(t, s))
	t.Cleanup(c.Close)
	return c
}

// TestMonthIsClosed: last month's sales are held against the centre's book on demand, a row that only the centre has waits
// for a decision, the decided month is closed, and the finance desk gets its files.
func TestMonthIsClosed(t *testing.T) {
	dir := t.TempDir()
	sold := time.Now().AddDate(0, 0, -40)
	t.Run("the sales", func(t *testing.T) {
		var booked atomic.Int64
		s, _ := startSandboxWith(t, sandboxOptions{dir: dir, clock: func() time.Time { return sold }, faults: func(infno string) centre.Fault {
			if infno == "2102" && booked.Add(1) == 2 {
				return centre.Fault{Kind: centre.FaultCentreOnly}
			}
			return centre.Fault{}
		}})
		till := counterTill(t, s)
		till.insert(t, "1")
		if err := till.accepted(t.Context(), till.mask(t, "M-1"), "accepted"); err != nil {
			t.Fatal(err)
		}
		refused := till.mask(t, "M-2")
		err := till.until(t.Context(), "the refusal", func(client.Event) (bool, error) {
			now, err := till.client.Settlement(t.Context(), refused)
			return err == nil && now.Report == string(settle.ReportRefused), err
		})
		if err != nil {
			t.Fatal(err)
		}
		today := settle.DateOf(sold).String()
		office := manage(t, s)
		_, err = till.client.Reconcile(t.Context(), today)
		wantProblem(t, err, settle.Forbidden)
		day, err := office.Reconcile(t.Context(), today) // the day that is still going on, too
		if err != nil || day.State != "differing" || len(day.Items) != 1 || day.Items[0].Class != "centre_only" || day.Items[0].Action != "undo" {
			t.Fatalf("%+v, %v", day, err)
		}
		if g := day.Groups[0]; g.Agreed || g.Centre == nil || g.Centre.Count != g.Ours.Count+1 || g.Centre.Total != "19.80" || g.Ours.Total != "9.90" {
			t.Errorf("group %+v centre %+v", g, g.Centre)
		}
		again, err := office.Reconcile(t.Context(), today)
		if err != nil || len(again.Items) != 1 || again.Items[0].AttentionID != day.Items[0].AttentionID {
			t.Errorf("again %+v, %v", again, err)
		}
	})
	s, log := startSandboxWith(t, sandboxOptions{dir: dir})
	office := manage(t, s)
	first, month := settle.DateOf(sold), sold.In(settle.Beijing).Format("2006-01")
	_, err := office.CloseMonth(t.Context(), localapi.CloseMonthRequest{Month: month, Operator: localapi.CloseMonthOperator{ID: "2001"}})
	if p := wantProblem(t, err, settle.MonthOpen); !bytes.Contains(p.Members["days"], []byte(first.String())) {
		t.Errorf("open days %s", p.Members["days"])
	}
	for day := first; day.Month() == first.Month(); day = day.AddDays(1) {
		if _, err := office.Reconcile(t.Context(), day.String()); err != nil {
			t.Fatalf("%s: %v\n%s", day, err, log)
		}
	}
	list, err := office.Attention(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range list.Items {
		r := session.CloseAttentionRequest{Operator: session.OperatorRequest{ID: "2001"}, Note: "已核对"}
		if item.Kind == "refused" {
			if item.Amount == nil || item.Holder == "" {
				t.Errorf("refused item %+v", item)
			}
			_, err := office.CloseAttention(t.Context(), item.ID, r)
			wantProblem(t, err, settle.BadRequest)
			r.Decision = "write_off"
		}
		if _, err := office.CloseAttention(t.Context(), item.ID, r); err != nil {
			t.Fatalf("%+v: %v", item, err)
		}
	}
	closed, err := office.CloseMonth(t.Context(), localapi.CloseMonthRequest{Month: month, Operator: localapi.CloseMonthOperator{ID: "2001"}})
	if err != nil || closed.ClosedBy != "2001" || closed.Record == 0 {
		t.Fatalf("%+v, %v", closed, err)
	}
	day, err := office.Reconcile(t.Context(), first.String())
	if err != nil || day.State != "closed" || day.Items[0].Resolution == nil || day.Items[0].Resolution.By != "2001" {
		t.Errorf("%+v, %v", day, err)
	}
	wantBundle(t, office, month)
}

func wantProblem(t *testing.T, err error, code settle.Code) *client.Problem {
	t.Helper()
	p, is := err.(*client.Problem) //nolint:errorlint // the client wraps nothing around it
	if !is || p.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	return p
}

// wantBundle reads the zip: every file is there, for spreadsheets, and names nobody in full.
func wantBundle(t *testing.T, office *client.Client, month string) {
	t.Helper()
	data, name, err := office.Bundle(t.Context(), month)
	if err != nil || !strings.HasSuffix(name, month+".zip") {
		t.Fatalf("%s, %v", name, err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	for file, wants := range map[string][]string{
		"totals.csv": {"\ufeff日期", ",9.90,"}, "items.csv": {"\ufeff中心结算时间", ",****"}, "differences.csv": {"中心有、本机无", "已核对"},
		"manifest.json": {`"closed"`, `"totals.csv"`, month}, "manifest.sig.json": {`"chain_hash"`, `"signature"`},
	} {
		for _, want := range wants {
			if !strings.Contains(files[file], want) {
				t.Errorf("%s does not hold %q:\n%s", file, want, files[file])
			}
		}
	}
	for _, member := range centre.DemoFamily(settle.DateOf(time.Now())).Members() {
		for file, text := range files {
			for _, secret := range []string{member.PsnNo, member.IDNumber, member.Name, member.CardNumber} {
				if strings.Contains(text, secret) {
					t.Errorf("%s names somebody in full", file)
				}
			}
		}
	}
}

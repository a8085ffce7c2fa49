package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"gongji/daemon/localapi"
	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/nhsa"
)

// wiretap notes with which kind of credential each message reached the centre.
type wiretap struct {
	mu    sync.Mutex
	seen  []string // infno and mdtrt_cert_type
	fault map[string]centre.FaultKind
}

func (w *wiretap) faults(infno string) centre.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	kind := w.fault[infno]
	delete(w.fault, infno)
	return centre.Fault{Kind: kind}
}

func (w *wiretap) cause(infno string, kind centre.FaultKind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault[infno] = kind
}

func (w *wiretap) listen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var message struct {
			Infno string `json:"infno"`
			Input struct {
				Info struct {
					CertType string `json:"mdtrt_cert_type"`
				} `json:"druginfo"`
			} `json:"input"`
		}
		if json.Unmarshal(body, &message) == nil && message.Input.Info.CertType != "" {
			w.mu.Lock()
			w.seen = append(w.seen, message.Infno+" "+message.Input.Info.CertType)
			w.mu.Unlock()
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(out, r)
	})
}

func (w *wiretap) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := strings.Join(w.seen, ", ")
	w.seen = nil
	return all
}

// TestPlatformOverHTTP: the whole daemon under authority platform. The centre's answer is the settlement; a 医保码 goes out with
// it and is kept nowhere; a lost answer is resolved, a refusal says why, and a centre that is away costs nobody a sale.
func TestPlatformOverHTTP(t *testing.T) {
	tap := &wiretap{fault: map[string]centre.FaultKind{}}
	x := newVoucherCounterWith(t, func(o *sandboxOptions) { o.authority, o.faults = "platform", tap.faults })
	if err := x.SetCentre(false); err != nil {
		t.Fatal(err)
	}
	x.centre.handler = tap.listen(x.centre.handler)
	if err := x.SetCentre(true); err != nil {
		t.Fatal(err)
	}
	x.wait("the centre is reachable", func() bool { return !x.daemon.Offline() })

	x.scan(centre.Evoucher(x.family.Patient.PsnNo, x.now()))
	var quote localapi.QuoteAnswer
	if p := x.do("POST", "/v1/quotes?explain=true", x.mask("E1", "10", "99.00").SaleRequest, &quote); p != nil {
		t.Fatalf("%+v", p)
	}
	if quote.Offline || quote.OwnPaid != "38.60" || quote.SharedPaid != "60.40" || !strings.Contains(x.wire.String(), "中心结算") {
		t.Errorf("quote %+v", quote.SplitAnswer)
	}
	request := x.mask("E1", "10", "99.00")
	request.QuoteDigest = quote.Digest
	sold, refused := x.settle(request)
	if refused != nil {
		t.Fatalf("%+v", refused)
	}
	if sold.State != "accepted" || sold.Report != "accepted" || sold.Offline || sold.OwnPaid != "38.60" {
		t.Errorf("settled %s, report %s, %+v", sold.State, sold.Report, sold.SplitAnswer)
	}
	if got := tap.take(); got != "2101 01, 2102 01" {
		t.Errorf("the centre was asked %s", got)
	}

	if err := x.Insert("1"); err != nil {
		t.Fatal(err)
	}
	x.wait("the patient's card", func() bool { return x.reader("card").State == "present" })
	tap.cause(nhsa.InfnoQuote, centre.FaultCentreOnly)
	p := x.do("POST", "/v1/quotes", x.mask("E2", "1", "9.90").SaleRequest, &quote)
	x.wantRefused(p, settle.UpstreamRefused)
	if !strings.Contains(p.Message, "：系统繁忙") || strings.Contains(p.Message, "[") {
		t.Errorf("the cashier reads %q", p.Message)
	}
	tap.cause(nhsa.InfnoSettle, centre.FaultLoseAnswer)
	lost, refused := x.settle(x.mask("E2", "1", "9.90"))
	if refused != nil {
		t.Fatalf("%+v", refused)
	}
	if lost.State != "unknown" || !lost.Offline {
		t.Errorf("settled %s, offline %v", lost.State, lost.Offline)
	}
	x.accepted(lost.SettlementID)
	if got := tap.take(); got != "2101 03, 2102 03, 2102 03" { // asked, lost, and after the reversal reported
		t.Errorf("the centre was told %s", got)
	}

	if err := x.SetCentre(false); err != nil {
		t.Fatal(err)
	}
	away, refused := x.settle(x.mask("E3", "1", "9.90"))
	if refused != nil || !away.Offline || away.Report == "accepted" {
		t.Fatalf("settled %+v, %+v", away.Report, refused)
	}
	if err := x.SetCentre(true); err != nil {
		t.Fatal(err)
	}
	x.accepted(away.SettlementID)
	standing := map[string]int{}
	for _, row := range x.centre.book.Standing() {
		standing[row.Figures.Total.String()]++
	}
	if standing["99.00"] != 1 || standing["9.90"] != 2 || len(standing) != 2 {
		t.Errorf("the centre has %v", standing)
	}
	x.metrics()
	if !strings.Contains(x.wire.String(), `gongji_inline_total{outcome="answered",question="settle"} 1`) {
		t.Error("the outcomes are not in the metrics")
	}
	x.end()
	x.nothingLeaks(1)
}

package cardreader_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gongji/cardreader"
	"gongji/cardreader/scanner"
	"gongji/cardreader/virtual"
)

// code is an invented 医保码.
const code = "4241234567890123456708330000"

func TestCodeIsTakenOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t, virtual.Options{Kind: "scanner"}, nil)
	g.next(cardreader.ReaderReady)
	if s := g.reader.Status(); s.Role != cardreader.RoleScanner {
		t.Errorf("role %s", s.Role)
	}
	g.virtual.Insert(virtual.Code{Text: code})
	e := g.next(cardreader.CardInserted)
	if e.State != cardreader.StatePresent || e.Scan == nil || e.Scan.Kind() != scanner.EVoucher || g.reader.Status().Scan != e.Scan {
		t.Fatalf("%+v", e)
	}
	if got, err := e.Scan.Take(); err != nil || got != code {
		t.Errorf("first: %v", err)
	}
	if got, err := e.Scan.Take(); !errors.Is(err, cardreader.ErrScanUsed) || got != "" {
		t.Errorf("second: %v", err)
	}
	if after := g.next(cardreader.CardRemoved); after.Seq <= e.Seq || g.reader.Status().Scan != nil {
		t.Errorf("%+v", after)
	}
}

// A code lives for a minute, and no longer than until the next one or until the scanner goes.
func TestCodeExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, err := virtual.NewMemoryReader(virtual.Options{Kind: "scanner"})
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		r, err := cardreader.New(cardreader.Options{Name: "s", Kind: cardreader.KindScanner, Open: func(ctx context.Context) (cardreader.Port, error) { return v.Open(ctx) }})
		if err != nil {
			t.Fatal(err)
		}
		events, end := r.Subscribe(8)
		defer end()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		defer func() { cancel(); <-done }()
		<-events
		scan := func() *cardreader.Scan {
			v.Insert(virtual.Code{Text: code})
			return (<-events).Scan
		}
		first := scan()
		began := time.Now()
		if e := <-events; e.Kind != cardreader.CardRemoved || time.Since(began) < cardreader.ScanLife-time.Second || time.Since(began) > cardreader.ScanLife+time.Second {
			t.Errorf("%s after %v", e.Kind, time.Since(began))
		}
		if _, err := first.Take(); !errors.Is(err, cardreader.ErrScanExpired) {
			t.Errorf("after a minute: %v", err)
		}
		second, third := scan(), scan()
		if _, err := second.Take(); !errors.Is(err, cardreader.ErrScanExpired) {
			t.Errorf("after another: %v", err)
		}
		if err := v.Unplug(); err != nil {
			t.Fatal(err)
		}
		if e := <-events; e.Kind != cardreader.ReaderFault {
			t.Error(e.Kind)
		}
		if _, err := third.Take(); !errors.Is(err, cardreader.ErrScanExpired) {
			t.Errorf("after the scanner went: %v", err)
		}
	})
}

func TestWhatScannersSend(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{"\r", "\n", "\r\n", "none", "\r\x03"} {
		g := newRig(t, virtual.Options{Kind: "scanner", Suffix: suffix, Prefix: "SC1]Q1"}, func(o *cardreader.Options) { o.Prefix = "SC1" })
		g.next(cardreader.ReaderReady)
		for _, c := range []struct {
			text    string
			kind    scanner.Kind
			message string
		}{
			{code, scanner.EVoucher, ""}, {"opc" + code[3:], scanner.EVoucherOpen, ""}, {"6901234567892", scanner.Other, ""},
			{";6223000000000000=49120000000000000?2", scanner.Stripe, ""}, {";E?", "", "磁条没有读清"}, {";62AB?", "", "磁条内容不正确"}, {"\x80\x81", "", "扫码内容不完整"},
		} {
			g.virtual.Insert(virtual.Code{Text: c.text})
			e := g.until(cardreader.CardInserted)
			if c.message != "" {
				if e.Fault == nil || e.Scan != nil || e.State != cardreader.StateFault || !strings.Contains(e.Fault.Message, c.message) {
					t.Errorf("%q %q: %+v", suffix, c.text, e)
				}
				continue
			}
			if e.Scan == nil || e.Scan.Kind() != c.kind {
				t.Errorf("%q %s: %+v", suffix, c.kind, e)
				continue
			}
			if got, err := e.Scan.Take(); err != nil || got != c.text {
				t.Errorf("%q %s: %v", suffix, c.kind, err)
			}
		}
	}
}

// Whatever happens to one scan, the next is right, and nothing that is not a 医保码 is called one.
func TestEveryFaultOfAScanner(t *testing.T) {
	for _, fault := range virtual.FaultsOf("scanner") {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, virtual.Options{Kind: "scanner"}, nil)
			g.next(cardreader.ReaderReady)
			g.must(g.virtual.SetFault(fault, 1))
			g.virtual.Insert(virtual.Code{Text: code})
			whole := fault == virtual.FaultNone || fault == virtual.FaultSlow
			if fault != virtual.FaultSilent {
				e := g.next(cardreader.CardInserted)
				if isCode := e.Scan != nil && e.Scan.Kind().Code(); isCode != whole {
					t.Errorf("a 医保码: %v", isCode)
				}
			}
			g.virtual.Insert(virtual.Code{Text: code})
			if got, err := g.until(cardreader.CardInserted).Scan.Take(); err != nil || got != code {
				t.Error(err)
			}
		})
	}
}

// What noise can do to a code that has no checksum: whatever is called a 医保码 has its form. That the platform issued it is
// for the platform to know; bytes lost, added, or turned into anything but a digit are noticed here.
func TestNoiseAndCodes(t *testing.T) {
	accepted := 0
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			l := &line{rng: newRand(seed, 3), chance: 0.5}
			v, err := virtual.NewMemoryReader(virtual.Options{Kind: "scanner", Noise: l.disturb})
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			time.AfterFunc(time.Millisecond, func() { v.Insert(virtual.Code{Text: code}) })
			scan, err := cardreader.ScanOnce(ctx, cardreader.Options{Name: "s", Kind: cardreader.KindScanner,
				Open: func(ctx context.Context) (cardreader.Port, error) { return v.Open(ctx) }}, nil)
			if err != nil || !scan.Kind().Code() {
				return
			}
			accepted++
			got, err := scan.Take()
			if err != nil || len(got) != len(code) || !strings.HasPrefix(got, "424") || strings.Trim(got[3:], "0123456789") != "" {
				t.Errorf("%v", err)
			}
			if l.hits == 0 && got != code {
				t.Error("an undisturbed code changed")
			}
		})
	}
	if accepted == 0 {
		t.Error("no code came through")
	}
}

func TestScanNeverLeaks(t *testing.T) {
	g := newRig(t, virtual.Options{Kind: "scanner"}, nil)
	g.next(cardreader.ReaderReady)
	g.virtual.Insert(virtual.Code{Text: code})
	e := g.next(cardreader.CardInserted)
	for _, v := range []any{e, &e, e.Scan, g.reader.Status(), []*cardreader.Scan{e.Scan}} {
		out := ""
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			out += fmt.Sprintf(verb, v)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Error(err)
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		if out += string(b) + log.String(); strings.Contains(out, code[3:12]) || strings.Contains(out, "343132333435") {
			t.Errorf("%T shows the code: %s", v, out)
		}
	}
}

func TestScanOnce(t *testing.T) {
	t.Parallel()
	v, err := virtual.NewReader(virtual.Options{Kind: "scanner"})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	opts := cardreader.Options{Name: "s", Kind: cardreader.KindScanner, Port: v.Path()}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := cardreader.ScanOnce(ctx, opts, nil); !errors.Is(err, cardreader.ErrNoScan) {
		t.Errorf("nothing scanned: %v", err)
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				v.Insert(virtual.Code{Text: code})
			}
		}
	}()
	var trace bytes.Buffer
	s, err := cardreader.ScanOnce(t.Context(), opts, &trace)
	if err != nil || s.Kind() != scanner.EVoucher || !strings.Contains(trace.String(), "message") {
		t.Errorf("%v %v\n%s", s, err, trace.String())
	}
}

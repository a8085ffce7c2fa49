package cardreader_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"gongji/cardreader"
	"gongji/cardreader/serialport"
	"gongji/cardreader/virtual"
)

// golden is the sample output printed in the social security terminal standard.
const golden = "639900|111111198101011110|X00000019|639900D15600000500BF7C7A48FB4966|张三|00814E43238697159900BF7C7A|1.00|20101001|20201001|410100813475|终端设备号|"

func TestGoldenOutputString(t *testing.T) {
	g := newRig(t, virtual.Options{}, nil)
	g.next(cardreader.ReaderReady)
	g.virtual.Insert(virtual.SampleCard())
	g.next(cardreader.CardInserted)
	if got := g.complete().OutputString("410100813475", "终端设备号"); got != golden {
		t.Errorf("%s\nwant %s", got, golden)
	}
}

func TestInsertRemoveSwap(t *testing.T) {
	for name, o := range map[string]virtual.Options{
		"a Twin":                   {},
		"without echo":             {NoEcho: true},
		"without notice of moving": {NoSlotChange: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, o, nil)
			seq := g.next(cardreader.ReaderReady).Seq
			rises := func(e cardreader.Event, s cardreader.State) cardreader.Event {
				t.Helper()
				if e.Seq <= seq || e.State != s || g.reader.Seq() < e.Seq {
					t.Fatalf("%s: number %d after %d, state %s, want %s", e.Kind, e.Seq, seq, e.State, s)
				}
				seq = e.Seq
				return e
			}
			g.virtual.Insert(card("2.00"))
			e := rises(g.next(cardreader.CardInserted), cardreader.StatePresent)
			if c := g.complete(); c.Name != "王小芳" || c.IDNumber != "11010519491231002X" || c.IssuerArea != "430100" || c.Sex != "2" || c.BirthDate != "1949-12-31" {
				t.Errorf("read %s of %s", c, c.BirthDate)
			}
			if s := g.reader.Status(); s.State != cardreader.StatePresent || s.Seq != e.Seq || of(*s.Credential) != of(*e.Credential) || s.Terminal != "counter-1" || s.Role != cardreader.RoleCard {
				t.Errorf("%+v", s)
			}
			g.virtual.Swap(daughter())
			rises(g.next(cardreader.CardRemoved), cardreader.StateAbsent)
			if e := rises(g.next(cardreader.CardInserted), cardreader.StatePresent); e.Credential.Name != "陈明" {
				t.Errorf("after the swap: %s", e.Credential)
			}
			g.virtual.Swap(daughter()) // the same person's card again is another insertion all the same
			rises(g.next(cardreader.CardRemoved), cardreader.StateAbsent)
			rises(g.next(cardreader.CardInserted), cardreader.StatePresent)
			g.virtual.Remove()
			if e := rises(g.next(cardreader.CardRemoved), cardreader.StateAbsent); e.Credential != nil {
				t.Error("a removed card still has a credential")
			}
		})
	}
}

func TestCardsThatAreRead(t *testing.T) {
	g := newRig(t, virtual.Options{}, nil)
	g.next(cardreader.ReaderReady)
	t1, err := virtual.LoadCard(strings.NewReader(`{"kind": "social-2.00", "protocol": "T1",
		"ef05": {"01": "430100D15600000500BF7C7A48FB4966", "07": "A12345678", "06": "20340101"},
		"ef06": {"08": "11010519491231002X", "09": "买买提·吐尔逊·阿卜杜热合曼·艾力·库尔班"}}`))
	g.must(err)
	for _, c := range []struct {
		name   string
		card   virtual.Card
		state  cardreader.State
		kind   cardreader.CardKind
		code   cardreader.FaultCode
		holder string
	}{
		{"1.00", card("1.00"), cardreader.StatePresent, cardreader.CardSocial, "", "王小芳"},
		{"2.00, T=1, long name", t1, cardreader.StatePresent, cardreader.CardSocial, "", "买买提·吐尔逊·阿卜杜热合曼·艾力·库尔班"},
		{"3.00", card("3.00"), cardreader.StatePresent, cardreader.CardSocial, "", ""},
		{"health", other(t, virtual.KindHealth), cardreader.StateFault, cardreader.CardHealth, cardreader.CodeCardNotSocialSecurity, ""},
		{"bank", other(t, virtual.KindBank), cardreader.StateFault, cardreader.CardBank, cardreader.CodeCardNotSocialSecurity, ""},
		{"unknown", other(t, virtual.KindNone), cardreader.StateFault, cardreader.CardUnknown, cardreader.CodeCardNotSocialSecurity, ""},
		{"mute", card("1.00").Mute(), cardreader.StateFault, "", cardreader.CodeCardUnreadable, ""},
	} {
		g.virtual.Insert(c.card)
		e := g.next(cardreader.CardInserted)
		if e.State != c.state {
			t.Errorf("%s: state %s", c.name, e.State)
		}
		if e.Fault == nil != (c.code == "") || e.Fault != nil && (e.Fault.Code != c.code || e.Fault.Message == "") {
			t.Errorf("%s: fault %v", c.name, e.Fault)
		}
		if e.Credential == nil != (c.kind == "") || e.Credential != nil && (e.Credential.Kind != c.kind || e.Credential.Name != c.holder) {
			t.Errorf("%s: credential %v", c.name, e.Credential)
		}
		if c.name == "3.00" && (!e.Credential.NeedsAuthentication || e.Credential.Number != "A12345678" || e.Credential.IDNumber != "") {
			t.Errorf("3.00: %v", e.Credential)
		}
		g.virtual.Remove()
		g.next(cardreader.CardRemoved)
	}
}

// A card that was not pushed in all the way is read when it is, without being taken out.
func TestUnreadableCardIsTriedAgain(t *testing.T) {
	t.Parallel()
	g := newRig(t, virtual.Options{NoSlotChange: true}, nil)
	g.next(cardreader.ReaderReady)
	g.virtual.Insert(card("1.00").Mute())
	first := g.next(cardreader.CardInserted)
	if first.Fault == nil || first.Fault.Code != cardreader.CodeCardUnreadable {
		t.Fatalf("%v", first.Fault)
	}
	g.virtual.Insert(card("1.00"))
	if e := g.next(cardreader.CardInserted); e.Credential == nil || e.Seq <= first.Seq {
		t.Errorf("%v, number %d after %d", e.Credential, e.Seq, first.Seq)
	}
}

// Whatever spoils one answer of a real line, the reading ends with the right card.
func TestEveryFaultIsRecovered(t *testing.T) {
	for _, fault := range virtual.Faults() {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, virtual.Options{}, nil)
			g.next(cardreader.ReaderReady)
			g.must(g.virtual.SetFaultAfter(fault, 5, 1))
			g.virtual.Insert(card("2.00"))
			wantWang(t, g.next(cardreader.CardInserted))
		})
	}
}

func wantWang(t *testing.T, e cardreader.Event) {
	t.Helper()
	if e.State != cardreader.StatePresent || e.Credential.IDNumber != "11010519491231002X" || e.Credential.Name != "王小芳" {
		t.Errorf("%s: %s %v %v", e.Kind, e.State, e.Credential, e.Fault)
	}
}

// The same at every place of a reading, one after the other, in simulated time. Two in a row are recovered as well.
func TestEveryFaultAnywhereIsRecovered(t *testing.T) {
	for _, fault := range virtual.Faults() {
		for skip := range 40 {
			for n := 1; n <= 2; n++ {
				synctest.Test(t, func(t *testing.T) {
					v, err := virtual.NewMemoryReader(virtual.Options{})
					if err != nil {
						t.Fatal(err)
					}
					defer v.Close()
					v.Insert(card("2.00"))
					if err := v.SetFaultAfter(fault, skip, n); err != nil {
						t.Fatal(err)
					}
					c, err := cardreader.ReadOnce(t.Context(), cardreader.Options{Name: "r", Kind: cardreader.KindGemPC,
						Open: func(ctx context.Context) (cardreader.Port, error) { return v.Open(ctx) }}, nil)
					if err != nil || c.IDNumber != "11010519491231002X" || c.Name != "王小芳" || c.Sex != "2" || c.BirthDate != "1949-12-31" {
						t.Errorf("%s for %d answers after %d: %v %v", fault, n, skip, c, err)
					}
				})
			}
		}
	}
}

func TestSilentReaderIsDownAndComesBack(t *testing.T) {
	t.Parallel()
	g := newRig(t, virtual.Options{}, nil)
	g.next(cardreader.ReaderReady)
	g.virtual.Insert(card("1.00"))
	before := g.next(cardreader.CardInserted)
	g.must(g.virtual.SetFault(virtual.FaultSilent, 0))
	e := g.next(cardreader.ReaderFault)
	if e.State != cardreader.StateDown || e.Fault.Code != cardreader.CodeReaderDown || e.Seq <= before.Seq || e.Credential != nil {
		t.Fatalf("%+v", e)
	}
	g.must(g.virtual.SetFault(virtual.FaultNone, 0))
	back := time.Now()
	g.until(cardreader.ReaderReady)
	if took := time.Since(back); took > 2*time.Second {
		t.Errorf("used again after %v", took)
	}
	if e := g.next(cardreader.CardInserted); e.Credential == nil || e.Credential.Name != "王小芳" {
		t.Errorf("%v", e.Fault)
	}
}

func TestUnplugAndReplug(t *testing.T) {
	t.Parallel()
	g := newRig(t, virtual.Options{}, nil)
	g.next(cardreader.ReaderReady)
	g.virtual.Insert(card("1.00"))
	before := g.next(cardreader.CardInserted)
	for range 2 {
		g.must(g.virtual.Unplug())
		if e := g.next(cardreader.ReaderFault); e.Seq <= before.Seq || e.Fault.Code != cardreader.CodeReaderDown {
			t.Fatalf("%+v", e)
		}
		back := time.Now()
		g.must(g.virtual.Replug())
		g.until(cardreader.ReaderReady)
		if took := time.Since(back); took > 2*time.Second {
			t.Errorf("used again after %v", took)
		}
		before = g.next(cardreader.CardInserted)
	}
}

// The cable is pulled while a card is read, slowly enough that it certainly is in the middle.
func TestUnplugDuringARead(t *testing.T) {
	t.Parallel()
	g := newRig(t, virtual.Options{Pace: 9600}, nil)
	g.next(cardreader.ReaderReady)
	g.virtual.Insert(card("1.00"))
	deadline := time.Now().Add(patience)
	for g.reader.Status().State != cardreader.StateReading {
		if time.Now().After(deadline) {
			t.Fatal("never reading")
		}
		time.Sleep(time.Millisecond)
	}
	g.must(g.virtual.Unplug())
	if e := g.next(cardreader.ReaderFault); e.State != cardreader.StateDown {
		t.Errorf("%+v", e)
	}
	g.must(g.virtual.Replug())
	g.must(g.virtual.SetPace(0))
	g.until(cardreader.ReaderReady)
	if e := g.next(cardreader.CardInserted); e.Credential == nil {
		t.Errorf("%v", e.Fault)
	}
}

// A card pulled out in the middle of its reading leaves nothing behind.
func TestRemoveDuringARead(t *testing.T) {
	g := newRig(t, virtual.Options{Pace: 9600}, nil)
	g.next(cardreader.ReaderReady)
	g.virtual.Insert(card("1.00"))
	deadline := time.Now().Add(patience)
	for g.reader.Status().State != cardreader.StateReading {
		if time.Now().After(deadline) {
			t.Fatal("never reading")
		}
		time.Sleep(time.Millisecond)
	}
	g.virtual.Remove()
	if e := g.next(cardreader.CardRemoved); e.Credential != nil || e.State != cardreader.StateAbsent {
		t.Errorf("%+v", e)
	}
}

func TestReaderThatIsMissingAtFirst(t *testing.T) {
	t.Parallel()
	g := newRig(t, virtual.Options{}, func(o *cardreader.Options) { o.Port += "-later" })
	e := g.next(cardreader.ReaderFault)
	if !errors.Is(e.Fault, serialport.ErrMissing) || !strings.Contains(e.Fault.Message, "找不到读卡器") {
		t.Errorf("%v", e.Fault)
	}
	second, err := virtual.NewReader(virtual.Options{Link: g.opts.Port})
	g.must(err)
	defer func() { g.must(second.Close()) }()
	g.next(cardreader.ReaderReady)
}

func TestPortOfAnotherProgram(t *testing.T) {
	v, err := virtual.NewReader(virtual.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	p, err := serialport.Open(serialport.Config{Path: v.Path(), Baud: 115200, StopBits: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_, err = cardreader.ReadOnce(t.Context(), cardreader.Options{Name: "r", Kind: cardreader.KindGemPC, Port: v.Path()}, nil)
	var f *cardreader.Fault
	if !errors.As(err, &f) || !errors.Is(err, serialport.ErrBusy) || !strings.Contains(f.Message, "占用") {
		t.Errorf("%v", err)
	}
}

func TestReadOnce(t *testing.T) {
	v, err := virtual.NewReader(virtual.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	opts := cardreader.Options{Name: "r", Kind: cardreader.KindGemPC, Port: v.Path()}
	if _, err := cardreader.ReadOnce(t.Context(), opts, nil); !errors.Is(err, cardreader.ErrNoCard) {
		t.Errorf("empty slot: %v", err)
	}
	v.Insert(virtual.SampleCard())
	var trace bytes.Buffer
	c, err := cardreader.ReadOnce(t.Context(), opts, &trace)
	if err != nil || c.OutputString("410100813475", "终端设备号") != golden {
		t.Fatalf("%v %v", c, err)
	}
	for _, want := range []string{"→ 03 06 62", "IccPowerOn", "READ RECORD 08 00", "9000 ok", `reader: "GemTwin-Sim-V1.00"`} {
		if !strings.Contains(trace.String(), want) {
			t.Errorf("the trace lacks %q:\n%s", want, trace.String())
		}
	}
	v.Swap(other(t, virtual.KindBank))
	var f *cardreader.Fault
	if c, err := cardreader.ReadOnce(t.Context(), opts, nil); !errors.As(err, &f) || f.Code != cardreader.CodeCardNotSocialSecurity || c.Kind != cardreader.CardBank {
		t.Errorf("bank card: %v %v", c, err)
	}
}

// A subscriber that does not listen loses the oldest events and holds nobody up.
func TestSlowSubscriberLosesTheOldest(t *testing.T) {
	g := newRig(t, virtual.Options{}, nil)
	slow, end := g.reader.Subscribe(1)
	g.next(cardreader.ReaderReady)
	for range 3 {
		g.virtual.Insert(card("1.00"))
		g.next(cardreader.CardInserted)
		g.virtual.Remove()
		g.next(cardreader.CardRemoved)
	}
	if e := <-slow; e.Kind != cardreader.CardRemoved || e.Seq != g.reader.Seq() {
		t.Errorf("%s with number %d, want the last one, %d", e.Kind, e.Seq, g.reader.Seq())
	}
	end()
	end()
	if _, open := <-slow; open {
		t.Error("the channel is still open")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := cardreader.New(cardreader.Options{}); err == nil || !strings.Contains(err.Error(), "Name, Port") {
		t.Error(err)
	}
	if _, err := cardreader.New(cardreader.Options{Name: "r", Port: "p", Kind: "toaster"}); err == nil || !strings.Contains(err.Error(), "gempc") {
		t.Error(err)
	}
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// metricsAfter is the whole exposition after one good reading, one bank card and one removal each, durations aside.
const metricsAfter = `# HELP gongji_card_reads_total Cards read, by how it ended.
# TYPE gongji_card_reads_total counter
gongji_card_reads_total{reader="counter-1",result="needs_authentication"} 0
gongji_card_reads_total{reader="counter-1",result="not_social_security"} 1
gongji_card_reads_total{reader="counter-1",result="ok"} 1
gongji_card_reads_total{reader="counter-1",result="reader_down"} 0
gongji_card_reads_total{reader="counter-1",result="removed"} 0
gongji_card_reads_total{reader="counter-1",result="unreadable"} 0
# HELP gongji_reader_card_present 1 while a card is in the reader, readable or not.
# TYPE gongji_reader_card_present gauge
gongji_reader_card_present{reader="counter-1"} 1
# HELP gongji_reader_up 1 while the reader answers.
# TYPE gongji_reader_up gauge
gongji_reader_up{reader="counter-1"} 1
`

func TestLogAndMetricsHoldNoIdentity(t *testing.T) {
	reg := prometheus.NewRegistry()
	var log syncBuffer
	g := newRig(t, virtual.Options{}, func(o *cardreader.Options) {
		o.Registerer = reg
		o.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	g.next(cardreader.ReaderReady)
	g.virtual.Insert(card("2.00"))
	g.next(cardreader.CardInserted)
	g.virtual.Swap(other(t, virtual.KindBank))
	g.until(cardreader.CardInserted)
	if err := testutil.GatherAndCompare(reg, strings.NewReader(metricsAfter), "gongji_card_reads_total", "gongji_reader_card_present", "gongji_reader_up"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg, "gongji_card_read_duration_seconds"); err != nil || n != 1 {
		t.Error(n, err)
	}
	g.must(g.virtual.Unplug())
	g.next(cardreader.ReaderFault)
	for !strings.Contains(log.String(), string(cardreader.ReaderFault)) {
		time.Sleep(time.Millisecond) // the line is written right after the event
	}
	mustNotLeak(t, "the log", log.String())
	// A second reader shares the registry.
	if _, err := cardreader.New(cardreader.Options{Name: "counter-2", Kind: cardreader.KindGemPC, Port: filepath.Join(t.TempDir(), "x"), Registerer: reg}); err != nil {
		t.Error(err)
	}
}

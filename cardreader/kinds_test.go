package cardreader_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gongji/cardreader"
	"gongji/cardreader/acs"
	"gongji/cardreader/serialport"
	"gongji/cardreader/virtual"
)

// setup is a kind of reader in one of its forms, with two things for it that belong to different people.
type setup struct {
	name     string
	virtual  virtual.Options
	slot     string
	one, two virtual.Medium
}

// document is an identity document of the person of card, and otherDocument another person's.
func document() virtual.Medium {
	d, err := virtual.NewIdentity(virtual.Holder{Name: "王小芳", Sex: "2", Ethnicity: "01", Birth: "19491231", Address: "北京市朝阳区某街道1号",
		LatestAddress: "湖南省长沙市某路2号", Number: "11010519491231002X", Issuer: "北京市公安局朝阳分局", From: "20150101", To: "长期"})
	if err != nil {
		panic(err)
	}
	return d
}

func otherDocument() virtual.Medium {
	d, err := virtual.NewIdentity(virtual.Holder{Name: "陈明", Sex: "1", Ethnicity: "01", Birth: "18800101", Address: "某路3号",
		Number: "440524188001010014", Issuer: "某公安局", From: "20150101", To: "20350101"})
	if err != nil {
		panic(err)
	}
	return d
}

// crcATR announces T=1 with a CRC.
const crcATR = "3BED00008171FE420100814E43238697159900BF7C7A2B"

func fileCard(members string) virtual.Card {
	c, err := virtual.LoadCard(strings.NewReader(`{"kind": "social-2.00", ` + strings.ReplaceAll(members, " ", "") + `,
		"ef05": {"01": "430100D15600000500BF7C7A48FB4966", "07": "A12345678", "06": "20340101"},
		"ef06": {"08": "11010519491231002X", "09": "王小芳", "0A": "2", "0D": "19491231"}}`))
	if err != nil {
		panic(err)
	}
	return c
}

func cardSetups() []setup {
	t1, crc := fileCard(`"protocol": "T1"`), fileCard(`"protocol": "T1", "atr": "`+crcATR+`"`)
	fast := fileCard(`"atr": "3B7D94000000814E43238697159900BF7C7A"`)
	return []setup{
		{"gempc", virtual.Options{}, "", card("2.00"), daughter()},
		{"gempc T=1", virtual.Options{}, "", t1, daughter()},
		{"gempc T=1 with CRC", virtual.Options{}, "", crc, daughter()},
		{"gempc at full speed", virtual.Options{}, "", fast, daughter()},
		{"gempc, speed refused", virtual.Options{}, "", fast.RefusePPS(), daughter()},
		{"gempc at 3 V", virtual.Options{}, "", card("2.00").At3Volts(), daughter()},
		{"acs", virtual.Options{Kind: "acs"}, "", card("2.00"), daughter()},
		{"acs contactless", virtual.Options{Kind: "acs", Contactless: true}, cardreader.SlotContactless, card("2.00"), daughter()},
		{"acs T=1 blocks", virtual.Options{Kind: "acs"}, cardreader.SlotContact, t1, daughter()},
		{"acs T=1 with CRC", virtual.Options{Kind: "acs"}, "", crc, daughter()},
		{"acs T=1 commands", virtual.Options{Kind: "acs", APDULevel: true}, "", t1, daughter()},
		{"acr122s", virtual.Options{Kind: "acs", Model: virtual.ModelACR122S}, "", card("2.00"), daughter()},
		{"sdt", virtual.Options{Kind: "sdt"}, "", document(), otherDocument()},
		{"sdt that finds again", virtual.Options{Kind: "sdt", FindsAgain: true}, "", document(), otherDocument()},
	}
}

// oneOfEach is one form of each kind that looks for cards.
func oneOfEach() []setup {
	return slices.DeleteFunc(cardSetups(), func(s setup) bool { return !slices.Contains([]string{"gempc", "acs", "acr122s", "sdt"}, s.name) })
}

// start starts a rig for a setup.
func (s setup) start(t *testing.T, change func(*cardreader.Options)) *rig {
	return newRig(t, s.virtual, func(o *cardreader.Options) {
		if o.Slot = s.slot; change != nil {
			change(o)
		}
	})
}

// readOnce reads once over a line in memory.
func (s setup) readOnce(t *testing.T, prepare func(*virtual.MemoryReader), noise func([]byte) []byte) (cardreader.Credential, error) {
	o := s.virtual
	o.Noise = noise
	v, err := virtual.NewMemoryReader(o)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	v.Insert(s.one)
	if prepare != nil {
		prepare(v)
	}
	return cardreader.ReadOnce(t.Context(), cardreader.Options{Name: "r", Kind: v.Kind(), Slot: s.slot,
		Open: func(ctx context.Context) (cardreader.Port, error) { return v.Open(ctx) }}, nil)
}

func TestEveryKindInsertsRemovesAndSwaps(t *testing.T) {
	for _, s := range cardSetups() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			g := s.start(t, nil)
			seq := g.next(cardreader.ReaderReady).Seq
			rises := func(e cardreader.Event) cardreader.Event {
				t.Helper()
				if e.Seq <= seq || g.reader.Seq() < e.Seq {
					t.Fatalf("%s: number %d after %d", e.Kind, e.Seq, seq)
				}
				seq = e.Seq
				return e
			}
			g.virtual.Insert(s.one)
			wantWang(t, rises(g.next(cardreader.CardInserted)))
			if c := g.complete(); c.Sex != "2" || c.BirthDate != "1949-12-31" || g.reader.Seq() != seq {
				t.Errorf("complete: %s", c)
			}
			g.virtual.Swap(s.two)
			rises(g.next(cardreader.CardRemoved))
			if e := rises(g.next(cardreader.CardInserted)); e.Credential == nil || e.Credential.Name != "陈明" {
				t.Errorf("after the swap: %v %v", e.Credential, e.Fault)
			}
			g.complete()
			g.virtual.Remove()
			rises(g.next(cardreader.CardRemoved))
		})
	}
}

func TestIdentityDocumentInFull(t *testing.T) {
	t.Parallel()
	g := newRig(t, virtual.Options{Kind: "sdt"}, func(o *cardreader.Options) { o.KeepPhoto = true })
	g.next(cardreader.ReaderReady)
	if s := g.reader.Status(); s.Role != cardreader.RoleID {
		t.Errorf("role %s", s.Role)
	}
	g.virtual.Insert(document())
	early := g.next(cardreader.CardInserted).Credential
	c := g.complete()
	d := c.Document
	if c.Kind != cardreader.CardIdentity || c.IDNumber != "11010519491231002X" || c.Ethnicity != "01" || c.IssuedOn != "2015-01-01" || c.ExpiresOn != "" || d == nil {
		t.Fatalf("%s", c)
	}
	if d.Type != "resident" || d.Address != "北京市朝阳区某街道1号" || d.LatestAddress != "湖南省长沙市某路2号" || d.Issuer != "北京市公安局朝阳分局" || !d.LongTerm || len(d.Photo) != 1024 {
		t.Errorf("%s with a photograph of %d bytes", d, len(d.Photo))
	}
	if early.Document.LatestAddress != "" || early.Complete {
		t.Error("the first event came after everything was read")
	}
	// Something else on the reader is nothing to it.
	g.virtual.Swap(card("2.00"))
	g.next(cardreader.CardRemoved)
}

// The POS has the identity while the rest is still being read; the rest comes under the same number and without an event.
func TestIdentityComesFirst(t *testing.T) {
	for _, s := range oneOfEach() {
		synctest.Test(t, func(t *testing.T) {
			o := s.virtual
			o.Pace = 9600
			v, err := virtual.NewMemoryReader(o)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			r, err := cardreader.New(cardreader.Options{Name: "r", Kind: v.Kind(), Open: func(ctx context.Context) (cardreader.Port, error) { return v.Open(ctx) }})
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
			v.Insert(s.one)
			e := <-events
			wantWang(t, e)
			if e.Credential.Complete {
				t.Errorf("%s: nothing was left to read", s.name)
			}
			began := time.Now()
			for !r.Status().Credential.Complete {
				time.Sleep(time.Millisecond)
			}
			status := r.Status()
			if took := time.Since(began); took < 20*time.Millisecond || status.Seq != e.Seq || status.State != cardreader.StatePresent || len(events) != 0 {
				t.Errorf("%s: complete %v later, number %d after %d", s.name, took, status.Seq, e.Seq)
			}
			if c := status.Credential; of(*c) != of(*e.Credential) || !c.ReadAt.Equal(e.Credential.ReadAt) || e.Credential.Complete {
				t.Errorf("%s: the identity changed, or the published credential was", s.name)
			}
		})
	}
}

// A card that leaves after its identity was published, and a reader that does, end it as always.
func TestTroubleAfterTheIdentity(t *testing.T) {
	for name, c := range map[string]struct {
		trouble func(*virtual.Reader) error
		want    cardreader.EventKind
	}{
		"card leaves":  {func(v *virtual.Reader) error { v.Remove(); return nil }, cardreader.CardRemoved},
		"cable pulled": {(*virtual.Reader).Unplug, cardreader.ReaderFault},
	} {
		for _, s := range oneOfEach() {
			t.Run(name+" "+s.name, func(t *testing.T) {
				t.Parallel()
				s.virtual.Pace = 19200
				g := s.start(t, nil)
				g.next(cardreader.ReaderReady)
				g.virtual.Insert(s.one)
				e := g.next(cardreader.CardInserted)
				g.must(c.trouble(g.virtual))
				if after := g.next(c.want); after.Seq <= e.Seq || after.Credential != nil {
					t.Errorf("%+v", after)
				}
			})
		}
	}
}

// Whatever spoils one or two answers anywhere in a reading, the right card comes out. In simulated time.
func TestEveryFaultAnywhereInEveryKind(t *testing.T) {
	for _, s := range cardSetups() {
		for _, fault := range virtual.FaultsOf(first(s.virtual.Kind, "gempc")) {
			for skip := 0; skip < 36; skip += 1 + skip/12 {
				for n := 1; n <= 2; n++ {
					synctest.Test(t, func(t *testing.T) {
						c, err := s.readOnce(t, func(v *virtual.MemoryReader) {
							if err := v.SetFaultAfter(fault, skip, n); err != nil {
								t.Fatal(err)
							}
						}, nil)
						if err != nil || c.IDNumber != "11010519491231002X" || c.Name != "王小芳" || c.BirthDate != "1949-12-31" {
							t.Errorf("%s: %s for %d answers after %d: %v %v", s.name, fault, n, skip, c, err)
						}
					})
				}
			}
		}
	}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// back demands that the reader is used again within two seconds of something.
func (g *rig) back(since time.Time) {
	g.t.Helper()
	g.until(cardreader.ReaderReady)
	if took := time.Since(since); took > 2*time.Second {
		g.t.Errorf("used again after %v", took)
	}
}

// present puts the thing of the setup before the reader and waits until it is known. A scanner's is scanned again.
func (g *rig) present(s setup) {
	g.t.Helper()
	if g.virtual.Kind() == virtual.KindScanner {
		g.virtual.Insert(s.one)
	}
	if e := g.until(cardreader.CardInserted); e.State != cardreader.StatePresent {
		g.t.Errorf("%v", e.Fault)
	}
}

// everyKind is one form of each kind, scanners included.
func everyKind() []setup {
	return append(oneOfEach(), setup{"scanner", virtual.Options{Kind: "scanner"}, "", virtual.Code{Text: code}, virtual.Code{Text: "6901234567892"}})
}

func TestEveryKindComesBack(t *testing.T) {
	for _, s := range everyKind() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			g := s.start(t, nil)
			g.next(cardreader.ReaderReady)
			g.virtual.Insert(s.one)
			g.next(cardreader.CardInserted)
			for range 2 {
				before, err := os.Readlink(g.opts.Port)
				g.must(err)
				// Somebody else gets the name that the device had, so it comes back under another; the link follows.
				g.must(g.virtual.Unplug())
				if e := g.until(cardreader.ReaderFault); e.Fault.Code != cardreader.CodeReaderDown || e.Fault.Message == "" {
					t.Fatalf("%+v", e)
				}
				other, err := virtual.NewReader(virtual.Options{})
				g.must(err)
				since := time.Now()
				g.must(g.virtual.Replug())
				after, err := os.Readlink(g.opts.Port)
				g.must(err)
				if other.Path() == before && after == before {
					t.Error("the device was not renamed")
				}
				g.back(since)
				g.present(s)
				g.must(other.Close())
			}
		})
	}
}

func TestEveryKindUnpluggedDuringARead(t *testing.T) {
	for _, s := range everyKind() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.virtual.Pace = 9600
			g := s.start(t, nil)
			g.next(cardreader.ReaderReady)
			if s.name == "scanner" {
				g.must(g.virtual.SetFault(virtual.FaultTruncate, 1)) // half a code, and then nothing
				g.virtual.Insert(s.one)
			} else {
				g.virtual.Insert(s.one)
				g.eventually("reading", func() bool { return g.reader.Status().State == cardreader.StateReading })
			}
			g.must(g.virtual.Unplug())
			g.until(cardreader.ReaderFault)
			g.must(g.virtual.SetPace(0))
			since := time.Now()
			g.must(g.virtual.Replug())
			g.back(since)
			g.present(s)
		})
	}
}

func TestEveryKindThatHangs(t *testing.T) {
	for _, s := range oneOfEach() { // a scanner that hangs looks like one nobody uses
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			g := s.start(t, nil)
			g.next(cardreader.ReaderReady)
			g.virtual.Insert(s.one)
			before := g.next(cardreader.CardInserted)
			g.must(g.virtual.SetFault(virtual.FaultSilent, 0))
			if e := g.until(cardreader.ReaderFault); e.Seq <= before.Seq || !strings.Contains(e.Fault.Message, "没有应答") {
				t.Errorf("%+v", e.Fault)
			}
			g.must(g.virtual.SetFault(virtual.FaultNone, 0))
			since := time.Now()
			g.back(since)
			g.present(s)
		})
	}
}

// The port belongs to another program, and later does not.
func TestEveryKindWhosePortIsTaken(t *testing.T) {
	for _, s := range everyKind() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			v := s.virtual
			v.Link = filepath.Join(t.TempDir(), "taken")
			vr, err := virtual.NewReader(v)
			if err != nil {
				t.Fatal(err)
			}
			defer vr.Close()
			p, err := serialport.Open(serialport.Config{Path: vr.Path(), Baud: 9600, StopBits: 1})
			if err != nil {
				t.Fatal(err)
			}
			g := s.start(t, func(o *cardreader.Options) { o.Port = v.Link })
			if e := g.next(cardreader.ReaderFault); !errors.Is(e.Fault, serialport.ErrBusy) || !strings.Contains(e.Fault.Message, "占用") {
				t.Errorf("%v", e.Fault)
			}
			since := time.Now()
			g.must(p.Close())
			g.back(since)
		})
	}
}

// strangers is another device on the same wires: now and then it speaks before the reader does, in the bytes of any kind.
func strangers(rng *rand.Rand) func([]byte) []byte {
	talk := [][]byte{
		[]byte(code + "\r"), {0x50, 0x02, 0x50, 0x03}, {0x02, 0x50, 0x08, 0x58, 0x03}, {0x03, 0x15, 0x16}, {0x02, 0xFF, 0xFF, 0x03},
		{0xAA, 0xAA, 0xAA, 0x96, 0x69, 0x00, 0x04, 0x00, 0x00, 0x80, 0x84}, {0xAA, 0xAA, 0xAA, 0x96, 0x69, 0xFF, 0xFF},
		{0x03, 0x06, 0x81, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x02, 0x00, 0x00, 0x84}, {0x03, 0x06, 0x80, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0},
		{0x02, 0x81, 0, 0, 0, 0, 1, 0, 2, 0x81, 0, 3, 3},
	}
	return func(b []byte) []byte {
		if rng.IntN(12) > 0 {
			return b
		}
		at := rng.IntN(len(b) + 1)
		return slices.Concat(b[:at], talk[rng.IntN(len(talk))], b[at:])
	}
}

// Two devices on one port: a reading ends with the right identity or with none.
func TestTwoDevicesOnOnePort(t *testing.T) {
	for _, s := range cardSetups() {
		good := 0
		for seed := range uint64(25) {
			synctest.Test(t, func(t *testing.T) {
				c, err := s.readOnce(t, nil, strangers(rand.New(rand.NewPCG(seed, 7))))
				if right(t, s.name, c, err) {
					good++
				}
			})
		}
		if good == 0 {
			t.Errorf("%s: no reading came through", s.name)
		}
	}
}

// right tells whether a reading gave the identity of the setup's first card. A wrong one fails the test.
func right(t *testing.T, name string, c cardreader.Credential, err error) bool {
	t.Helper()
	if err != nil {
		if c.IDNumber != "" || c.Number != "" {
			t.Errorf("%s: an error came with an identity: %v", name, err)
		}
		return false
	}
	if c.IDNumber != "11010519491231002X" || c.Name != "王小芳" {
		t.Errorf("%s: read %+v, which is not on the card", name, of(c))
	}
	if c.Kind == cardreader.CardSocial && (c.Number != "A12345678" || c.Identifier != "430100D15600000500BF7C7A48FB4966" || c.ExpiresOn != "2034-01-01") {
		t.Errorf("%s: read %+v, which is not on the card", name, of(c))
	}
	return true
}

// Two readers configured for one port: the second is told, and comes in when the first goes.
func TestSecondReaderOnAPortIsTold(t *testing.T) {
	g := newRig(t, virtual.Options{}, nil)
	g.next(cardreader.ReaderReady)
	second, err := cardreader.New(cardreader.Options{Name: "counter-2", Kind: cardreader.KindACS, Port: g.opts.Port})
	g.must(err)
	events, end := second.Subscribe(4)
	defer end()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- second.Run(ctx) }()
	defer func() { cancel(); <-done }()
	select {
	case e := <-events:
		if e.Kind != cardreader.ReaderFault || !errors.Is(e.Fault, serialport.ErrBusy) {
			t.Errorf("%+v", e)
		}
	case <-time.After(patience):
		t.Fatal("nothing was said")
	}
}

// lengths spoils the length field of the n-th frame on.
func lengths(kind string, from int, change func(byte) byte) func([]byte) []byte {
	at := map[string]int{"": 3, "acs": 2, "sdt": 6}[kind]
	seen := 0
	return func(b []byte) []byte {
		if len(b) < 10 {
			return b
		}
		if seen++; seen == from {
			b = bytes.Clone(b)
			b[at] = change(b[at])
		}
		return b
	}
}

func TestShortAndOversizedLengths(t *testing.T) {
	for _, s := range cardSetups() {
		for name, change := range map[string]func(byte) byte{
			"short": func(v byte) byte { return v / 2 }, "one less": func(v byte) byte { return v - 1 }, "one more": func(v byte) byte { return v + 1 },
			"oversized": func(byte) byte { return 0xFF }, "nothing": func(byte) byte { return 0 },
		} {
			for from := 1; from < 20; from += 3 {
				synctest.Test(t, func(t *testing.T) {
					c, err := s.readOnce(t, nil, lengths(s.virtual.Kind, from, change))
					if !right(t, s.name, c, err) {
						t.Errorf("%s: %s length in frame %d: %v", s.name, name, from, err)
					}
				})
			}
		}
	}
}

// A reader that lost its power speaks slowly again and is told to hurry.
func TestACSIsSwitchedToTheConfiguredSpeed(t *testing.T) {
	t.Parallel()
	s := setup{"acs", virtual.Options{Kind: "acs", Baud: acs.Baud}, "", card("2.00"), daughter()}
	g := s.start(t, func(o *cardreader.Options) { o.Baud = acs.FastBaud })
	g.next(cardreader.ReaderReady)
	g.virtual.Insert(s.one)
	wantWang(t, g.next(cardreader.CardInserted))
	g.must(g.virtual.Unplug())
	g.until(cardreader.ReaderFault)
	since := time.Now()
	g.must(g.virtual.Replug())
	g.back(since)
	wantWang(t, g.next(cardreader.CardInserted))
}

// With an answer to reset that offers a higher speed the driver selects it, and goes back where the card refuses.
func TestSpeedSelection(t *testing.T) {
	for _, s := range cardSetups()[3:5] {
		v, err := virtual.NewMemoryReader(s.virtual)
		if err != nil {
			t.Fatal(err)
		}
		v.Insert(s.one)
		var trace bytes.Buffer
		c, err := cardreader.ReadOnce(t.Context(), cardreader.Options{Name: "r", Kind: v.Kind(),
			Open: func(ctx context.Context) (cardreader.Port, error) { return v.Open(ctx) }}, &trace)
		if !right(t, s.name, c, err) {
			t.Errorf("%s: %v", s.name, err)
		}
		_ = v.Close()
		want := "94 00 00 0A 00" // SetParameters at the card's speed
		if s.name != "gempc at full speed" {
			want = "11 00 00 0A 00"
		}
		if !strings.Contains(trace.String(), "FF 10 94 7B") || !strings.Contains(trace.String(), want) {
			t.Errorf("%s: no selection, or not %s:\n%s", s.name, want, trace.String())
		}
	}
}

func TestProbeFindsKindAndSpeed(t *testing.T) {
	for _, c := range []struct {
		kind, model string
		baud        int
		name        string
	}{
		{"gempc", "", 115200, "GemTwin-Sim-V1.00"}, {"acs", "", 9600, ""}, {"acs", "", 115200, ""}, {"acs", "", 38400, ""},
		{"acs", virtual.ModelACR122S, 9600, "ACR122S-Sim"}, {"acs", virtual.ModelACR122S, 115200, "ACR122S-Sim"},
		{"sdt", "", 115200, "SAM 05.03-20160408-0001234567-0987654321"}, {"sdt", "", 19200, "SAM 05.03-20160408-0001234567-0987654321"},
		{"scanner", "", 9600, ""},
	} {
		t.Run(c.kind+c.model, func(t *testing.T) {
			t.Parallel()
			v, err := virtual.NewReader(virtual.Options{Kind: c.kind, Model: c.model, Baud: c.baud})
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			stop := make(chan struct{})
			stopped := make(chan struct{})
			go func() { // somebody scans all the time
				defer close(stopped)
				for {
					select {
					case <-stop:
						return
					case <-time.After(30 * time.Millisecond):
						if c.kind == "scanner" {
							v.Insert(virtual.Code{Text: "6901234567892"})
						}
					}
				}
			}()
			found, err := cardreader.Probe(t.Context(), v.Path())
			close(stop)
			<-stopped
			if err != nil || len(found) != 1 || found[0] != (cardreader.ProbeResult{Kind: c.kind, Baud: c.baud, Name: c.name}) {
				t.Errorf("%v %v", found, err)
			}
		})
	}
}

func TestProbeOfNothing(t *testing.T) {
	t.Parallel()
	v, err := virtual.NewReader(virtual.Options{Kind: "scanner"}) // silent
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if found, err := cardreader.Probe(t.Context(), v.Path()); err != nil || len(found) != 0 {
		t.Errorf("%v %v", found, err)
	}
	var f *cardreader.Fault
	if _, err := cardreader.Probe(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.As(err, &f) || !errors.Is(err, serialport.ErrMissing) {
		t.Errorf("no port: %v", err)
	}
}

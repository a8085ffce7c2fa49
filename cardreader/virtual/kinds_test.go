package virtual

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gongji/cardreader/acs"
	"gongji/cardreader/ccid"
	"gongji/cardreader/idcard"
	"gongji/cardreader/internal/golden"
	"gongji/cardreader/serialport"
)

// Every row of the golden exchange with status frames, byte for byte.
func TestGoldenACSFromTheReaderSide(t *testing.T) {
	r, h := memoryHost(t, Options{Kind: KindACS, NoSlotChange: true})
	for _, row := range golden.ACS() {
		switch row.Step {
		case "GetSlotStatus ICC, present not powered", "IccPowerOff ICC":
			r.Insert(SampleCard())
		case "card pulled":
			r.Remove()
		case "contactless UID":
			slot := r.machine.(*acsReader).slots[acs.SlotContactless]
			slot.put(SampleCard())
			slot.powerOn(voltageAuto) // a reader activates what comes near by itself
		}
		want := append(acs.StatusAccepted.Bytes(), row.Reader...)
		if got := h.ask(row.Host, len(want)); !bytes.Equal(got, want) {
			t.Errorf("%s: % X, want % X", row.Step, got, want)
		}
	}
}

func TestACSEventsAndRefusals(t *testing.T) {
	r, h := memoryHost(t, Options{Kind: KindACS})
	r.Insert(SampleCard())
	if got := h.read(5); !bytes.Equal(got, unhexed(t, "02500C5C03")) {
		t.Errorf("inserted: % X", got)
	}
	r.Swap(SampleCard())
	if got := h.read(10); !bytes.Equal(got, unhexed(t, "0250085803"+"02500C5C03")) {
		t.Errorf("swapped: % X", got)
	}
	for name, c := range map[string]struct{ command, answer string }{
		"checksum": {"02650000000001000000006503", "02FFFF03"},
		"no ETX":   {"02650000000001000000006404", "02FDFD03"},
		"length":   {"02650002000001", "02FEFE03"},
		"slot":     {"02650000000007000000006203", "02FBFB03"},
	} {
		if got := h.ask(unhexed(t, c.command), 4); !bytes.Equal(got, unhexed(t, c.answer)) {
			t.Errorf("%s: % X, want %s", name, got, c.answer)
		}
		r.machine.hungUp()
	}
	// The host asks for the last answer again: the same bytes, without another status frame.
	status := unhexed(t, "02650000000001090000006D03")
	first := h.ask(status, 4+13)[4:]
	if got := h.ask(acs.Repeat(), 13); !bytes.Equal(got, first) {
		t.Errorf("again: % X, want % X", got, first)
	}
}

func TestContactlessCardHasItsOwnAnswer(t *testing.T) {
	r, h := memoryHost(t, Options{Kind: KindACS, Contactless: true, NoSlotChange: true})
	r.Insert(SampleCard())
	slot := ccid.NewSlot(acs.New(h.wire, acs.Options{Timeout: serialport.IsTimeout}), acs.SlotContactless)
	slot.Voltages = []byte{0}
	atr, err := slot.PowerOn(t.Context())
	if err != nil || !bytes.HasPrefix(atr.Bytes(), []byte{0x3B, 0x8D, 0x80, 0x01}) {
		t.Errorf("% X %v", atr.Bytes(), err)
	}
}

func unhexed(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The published frames of identity card readers, and the golden reading by its sum.
func TestGoldenSDTFromTheReaderSide(t *testing.T) {
	r, h := memoryHost(t, Options{Kind: KindSDT})
	ask := func(name string, c idcard.Command, want string) {
		t.Helper()
		if got := h.ask(idcard.Encode(c.Bytes()), len(want)/2); !bytes.Equal(got, unhexed(t, want)) {
			t.Errorf("%s: % X, want %s", name, got, want)
		}
	}
	const (
		done     = "AAAAAA9669000400009094"
		none     = "AAAAAA9669000400008084"
		found    = "AAAAAA9669000800009F0000000097"
		selected = "AAAAAA9669000C00009000000000000000009C"
	)
	ask("reset", idcard.Reset, done)
	ask("status", idcard.Status, done)
	ask("SAM id", idcard.GetSAMID, "AAAAAA9669001400009005000300989F330187D61200B168DE3AC9")
	ask("find, nothing", idcard.Find, none)
	ask("select, nothing", idcard.Select, "AAAAAA9669000400008185")
	ask("read, nothing", idcard.ReadText, "AAAAAA9669000400004145")
	r.Insert(SampleIdentity())
	ask("find", idcard.Find, found)
	ask("select", idcard.Select, selected)
	frame := h.ask(idcard.Encode(idcard.ReadText.Bytes()), 1295)
	if sum := sha256.Sum256(frame); hex.EncodeToString(sum[:]) != "1e686d41a0a82088dad464be8a034b6d633da97e907234366066159ee9f7360b" {
		t.Errorf("the reading's sum is %x", sum)
	}
	ask("find again", idcard.Find, none)
	ask("latest address", idcard.LatestAddress, "AAAAAA9669000400009195")
	ask("speed", idcard.Command{CMD: 0x60, PARA: 4}, done)
	ask("unknown", idcard.Command{CMD: 0x77, PARA: 1}, "AAAAAA9669000400002125")
	if got := h.ask(unhexed(t, "AAAAAA966900032001FF"), 11); !bytes.Equal(got, unhexed(t, "AAAAAA9669000400001014")) {
		t.Errorf("checksum: % X", got)
	}
	if got := h.ask(unhexed(t, "AAAAAA9669FFFF"), 11); !bytes.Equal(got, unhexed(t, "AAAAAA9669000400001115")) {
		t.Errorf("length: % X", got)
	}
	r.Insert(SampleCard()) // a bank card on an identity card reader is nothing
	ask("another card", idcard.Find, none)
}

func TestFingerprintLengths(t *testing.T) {
	for fingers, want := range map[int]int{0: 1297, 1: 1809, 2: 2321} {
		d := SampleIdentity()
		d.fingers = fingers
		r, h := memoryHost(t, Options{Kind: KindSDT})
		r.Insert(d)
		h.ask(idcard.Encode(idcard.Find.Bytes()), 15)
		h.ask(idcard.Encode(idcard.Select.Bytes()), 19)
		frame := h.ask(idcard.Encode(idcard.ReadFinger.Bytes()), want)
		if _, err := idcard.ParseFrame(frame); err != nil {
			t.Errorf("%d fingers: %v", fingers, err)
		}
	}
}

func TestDocumentFiles(t *testing.T) {
	for name, file := range map[string]string{
		"resident":     `{"name": "王芳", "sex": "2", "ethnicity": "01", "birth": "1949-12-31", "address": "某街1号", "number": "11010519491231002X", "issuer": "某局", "from": "2015-01-01", "to": "长期", "latest_address": "某路2号"}`,
		"hmt":          `{"type": "hmt", "name": "陈明", "sex": "1", "birth": "19880101", "number": "810000198801010012", "from": "20190601", "to": "20240601", "pass_number": "H12345678", "issues": "01"}`,
		"foreign-2017": `{"type": "foreign-2017", "english_name": "TEST", "sex": "1", "country": "XXX", "birth": "19800101", "number": "XXX110105198001", "issuer": "1500", "from": "20170616", "to": "20270615"}`,
		"foreign-2023": `{"type": "foreign-2023", "english_name": "A VERY LONG NAME THAT GOES ON AND ON", "sex": "2", "country": "124", "birth": "19900202", "number": "911124199002020009", "from": "20231201", "to": "20331130"}`,
	} {
		m, err := LoadMedium(KindSDT, strings.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := idcard.ParseText(m.(Identity).text)
		if err != nil || text.Type.String() != name {
			t.Errorf("%s: %s %v", name, text.Type, err)
		}
	}
	for name, file := range map[string]string{
		"unknown type":   `{"type": "passport"}`,
		"number":         `{"name": "王芳", "sex": "2", "birth": "19491231", "number": "110105194912310021", "from": "20150101", "to": "长期"}`,
		"unknown member": `{"nickname": "芳"}`,
		"long name":      `{"name": "` + strings.Repeat("王", 20) + `"}`,
		"fingers":        `{"name": "王芳", "sex": "2", "birth": "19491231", "number": "11010519491231002X", "from": "20150101", "to": "长期", "fingers": 3}`,
	} {
		if _, err := LoadIdentity(strings.NewReader(file)); err == nil || strings.Contains(err.Error(), "110105194912310021") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if m, err := LoadMedium(KindScanner, strings.NewReader(`{"text": "4241234567890123456708330000"}`)); err != nil || m != SampleMedium(KindScanner) {
		t.Errorf("%v %v", m, err)
	}
	for _, file := range []string{`{}`, `{"txt": "1"}`} {
		if _, err := LoadCode(strings.NewReader(file)); err == nil {
			t.Errorf("%s: taken", file)
		}
	}
}

func TestScannerSpeaks(t *testing.T) {
	for suffix, end := range map[string]string{"": "\r", "\r\n": "\r\n", "none": ""} {
		r, h := memoryHost(t, Options{Kind: KindScanner, Prefix: "]Q1", Suffix: suffix})
		r.Insert(Code{Text: "690"})
		if want := "]Q1690" + end; string(h.read(len(want))) != want {
			t.Errorf("suffix %q", suffix)
		}
		r.Insert(SampleCard()) // no code on it
		r.Insert(Code{Text: "691"})
		if got := string(h.read(6)); got != "]Q1691" {
			t.Errorf("after a card: %q", got)
		}
	}
}

func TestFaultsOfEachKind(t *testing.T) {
	for _, kind := range ReaderKinds() {
		r, _ := memoryHost(t, Options{Kind: kind})
		for _, name := range FaultsOf(kind) {
			if err := r.SetFault(name, 1); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		if err := r.SetFault("fire", 1); err == nil {
			t.Errorf("%s: an unknown fault was taken", kind)
		}
	}
	if slices.Contains(FaultsOf(KindScanner), FaultNAK) {
		t.Error("a scanner cannot misunderstand a command")
	}
}

// A host at another speed is not understood and sees garbage; after a change of speed it is the old one that does not fit.
func TestSpeedOfTheLine(t *testing.T) {
	r, err := NewMemoryReader(Options{Kind: KindACS, Baud: 9600, NoSlotChange: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	talk := func(baud int, answered bool) *Wire {
		t.Helper()
		w, err := r.OpenAt(t.Context(), baud)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Close() })
		_, err = acs.New(w, acs.Options{Timeout: serialport.IsTimeout}).Exchange(t.Context(), ccid.Message{Type: ccid.TypeGetSlotStatus, Slot: 1}, time.Millisecond)
		if (err == nil) != answered {
			t.Errorf("%d baud: %v", baud, err)
		}
		return w
	}
	_ = talk(115200, false).Close()
	w := talk(9600, true)
	if err := acs.New(w, acs.Options{Timeout: serialport.IsTimeout}).ChangeSpeed(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	_ = talk(115200, true).Close()
	if err := errors.Join(r.Unplug(), r.Replug()); err != nil { // without power it forgets
		t.Fatal(err)
	}
	_ = talk(9600, true).Close()
}

// A thousand pieces on a paced line take the time of their bytes: late wake-ups do not add up.
func TestPaceKeepsAnAbsoluteSchedule(t *testing.T) {
	p := pace{baud: 115200, bits: 10}
	stop := make(chan struct{})
	began := time.Now()
	const pieces, size = 1000, 23 // two milliseconds each
	for range pieces {
		at := p.sent(size, p.received(0))
		until(at, stop)
		p.delivered(at)
	}
	own := p.span(pieces * size)
	if took := time.Since(began); took < own || took > own*115/100 {
		t.Errorf("took %v for bytes that need %v", took, own)
	}
}

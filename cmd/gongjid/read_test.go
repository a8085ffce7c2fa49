package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// runRead runs "read" to its end and returns what it printed.
func runRead(t *testing.T, flags ...string) (string, error) {
	t.Helper()
	out := &lockedLog{}
	root := rootCommand()
	root.SetOut(out)
	root.SetArgs(append([]string{"read"}, flags...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// scanAgain scans again and again while something runs: a scanner's code that nobody hears yet is lost.
func (b *bench) scanAgain(while func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		while()
	}()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			b.does("insert")
		}
	}
}

// Every kind of reader is read with its kind said and found out, in each of its forms.
func TestReadEveryKind(t *testing.T) {
	for name, c := range map[string]struct {
		kind     string
		simulate []string
		read     []string
		found    string // what finding out says
		want     []string
	}{
		"gempc":           {"gempc", nil, nil, "kind: gempc", []string{"social 1.00", "张*", "**************1110"}},
		"acs":             {"acs", []string{"--baud", "9600"}, nil, "kind: acs", []string{"social 1.00", "张*"}},
		"acs contact":     {"acs", []string{"--slot", "contact"}, []string{"--slot", "contact"}, "kind: acs", []string{"social 1.00", "张*"}},
		"acs contactless": {"acs", []string{"--slot", "contactless"}, []string{"--slot", "contactless"}, "kind: acs", []string{"social 1.00", "张*"}},
		"acr122s":         {"acs", []string{"--model", "acr122s"}, nil, "ACR122S", []string{"social 1.00", "张*"}},
		"sdt":             {"sdt", nil, nil, "kind: sdt", []string{"resident", "王*", "**************002X"}},
		"scanner":         {"scanner", nil, nil, "kind: scanner", []string{"evoucher", "(hidden)"}},
	} {
		for _, kind := range []string{c.kind, kindAuto} {
			t.Run(name+" as "+kind, func(t *testing.T) {
				b := simulateOn(t, append([]string{"--kind", c.kind}, c.simulate...)...)
				b.does("insert")
				var out string
				var err error
				read := func() { out, err = runRead(t, append([]string{"--port", b.link, "--kind", kind}, c.read...)...) }
				if c.kind == "scanner" {
					b.scanAgain(read)
				} else {
					read()
				}
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				for _, want := range c.want {
					if !strings.Contains(out, want) {
						t.Errorf("no %q in\n%s", want, out)
					}
				}
				if kind == kindAuto && !strings.Contains(out, c.found) || kind != kindAuto && strings.Contains(out, "found {") {
					t.Errorf("finding out: %q in\n%s", c.found, out)
				}
				for _, secret := range []string{"111111198101011110", "11010519491231002X", "张三", "王芳", "X00000019", "4241234567890123456708330000"} {
					if strings.Contains(out, secret) {
						t.Errorf("%q is not masked in\n%s", secret, out)
					}
				}
			})
		}
	}
}

// A card in the other slot is not there, and an answer that the line spoilt is read again.
func TestReadLooksAtTheSlot(t *testing.T) {
	b := simulateOn(t, "--kind", "acs", "--slot", "contactless")
	b.does("insert")
	if out, err := runRead(t, "--port", b.link, "--kind", "acs"); err == nil || !strings.Contains(err.Error(), "CARD_ABSENT") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, fault := range []string{"nak", "bad-checksum", "truncate", "garbage", "slow", "wrong-seq", "silent"} {
		b.does("fault " + fault + " 1")
		if out, err := runRead(t, "--port", b.link, "--kind", "acs", "--slot", "contactless"); err != nil || !strings.Contains(out, "social 1.00") {
			t.Errorf("%s: %v\n%s", fault, err, out)
		}
	}
}

// What only a technician may see is shown on his word alone.
func TestReadRevealsOnRequest(t *testing.T) {
	b := simulateOn(t, "--kind", "acs", "--model", "acr122s")
	b.does("insert")
	out, err := runRead(t, "--port", b.link, "--kind", "acs", "--reveal", "--trace")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"111111198101011110", "张三", "X00000019", `# reader: "ACR122S-Sim"`, "FF 00 00 00 04 D4 4A 01 00"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// The configuration says which reader has which role.
func TestReadByRole(t *testing.T) {
	card, id, scanner := simulateOn(t, "--kind", "acs", "--slot", "contactless"), simulateOn(t, "--kind", "sdt"), simulateOn(t, "--kind", "scanner")
	card.does("insert")
	id.does("insert")
	file := filepath.Join(t.TempDir(), "gongjid.yaml")
	text := fmt.Sprintf(`
data: %s
region: "430100"
venue: {code: P43010000001, name: 示例大药房, kind: pharmacy, area: "430100", agreement_until: 2099-12-31}
reader: {kind: acs, port: %s, slot: contactless}
`, t.TempDir(), card.link)
	writeFile(t, file, text)
	for _, role := range []string{"id", "scanner", "till"} {
		if _, err := runRead(t, "--config", file, "--role", role); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", role)) {
			t.Errorf("role %s, which nothing has: %v", role, err)
		}
	}
	writeFile(t, file, text+fmt.Sprintf("id_reader: {kind: sdt, port: %s}\nscanner: {kind: scanner, port: %s}\n", id.link, scanner.link))
	for _, c := range []struct{ role, want string }{{"card", "social 1.00"}, {"id", "resident"}, {"scanner", "evoucher"}} {
		var out string
		var err error
		scanner.scanAgain(func() { out, err = runRead(t, "--config", file, "--role", c.role) })
		if err != nil || !strings.Contains(out, c.want) {
			t.Errorf("role %s: %v\n%s", c.role, err, out)
		}
	}
}

// What cannot be read is said in words, with nothing printed as if it were a card.
func TestReadSaysWhatIsWrong(t *testing.T) {
	b := simulateOn(t, "--kind", "gempc")
	for name, c := range map[string]struct {
		flags []string
		says  string
	}{
		"no card": {[]string{"--port", b.link}, "CARD_ABSENT"}, "kind": {[]string{"--port", b.link, "--kind", "toaster"}, "gempc, acs, sdt, scanner"},
		"slot": {[]string{"--port", b.link, "--kind", "acs", "--slot", "left"}, `"left"`}, "no port": {[]string{"--port", b.link + "x"}, "READER_DOWN"},
		"no file": {[]string{"--config", b.link + ".yaml"}, ".yaml"},
	} {
		out, err := runRead(t, c.flags...)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(out, "姓名") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if _, err := runRead(t); !errors.Is(err, errUsage) {
		t.Errorf("neither port nor configuration: %v", err)
	}
}

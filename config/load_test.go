package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden error texts")

// TestMistakes loads every file of testdata, each with one mistake, and compares the whole error text. A mistake in a
// file must name the file, the line and the key.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("found %d files (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := load(file, nil)
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("got %v, want faults", err)
			}
			if n := len(faults); n != 1 && filepath.Base(file) != "many.yaml" {
				t.Errorf("%d faults for one mistake", n)
			}
			text := filepath.ToSlash(err.Error()) + "\n"
			golden := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if text != string(want) {
				t.Errorf("got:\n%swant:\n%s", text, want)
			}
		})
	}
}

// TestExampleLoads keeps the example usable as it is, and TestExampleNamesEveryKey keeps it complete.
func TestExampleLoads(t *testing.T) {
	c, err := load("gongjid.example.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if !reflect.DeepEqual(c.Offline, want.Offline) || !reflect.DeepEqual(c.Listen, want.Listen) {
		t.Errorf("the example differs from the defaults: %+v %+v", c.Offline, c.Listen)
	}
	if c.Venue.AgreementUntil != 20271231 || c.Venue.Name != "示例大药房" {
		t.Errorf("venue %+v", c.Venue)
	}
}

func TestExampleNamesEveryKey(t *testing.T) {
	data, err := os.ReadFile("gongjid.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, r := Default(), newReport("example")
	decode(data, c, r)
	keys := Keys()
	if len(keys) < 60 {
		t.Fatalf("only %d keys", len(keys))
	}
	for _, key := range keys {
		if _, there := r.places[key]; !there {
			t.Errorf("the example does not have %s", key)
		}
	}
	for number, line := range strings.Split(string(data), "\n") {
		if comment := strings.SplitN(line, "#", 2); strings.Contains(comment[0], ":") && len(comment) == 2 &&
			!regexp.MustCompile(`[a-z]`).MatchString(comment[1]) {
			t.Errorf("line %d: the comment has no English or value: %s", number+1, line)
		}
	}
}

func TestEnvironment(t *testing.T) {
	base, err := os.ReadFile("gongjid.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse("x.yaml", base, []string{
		"GONGJI_DATA=/srv/gongji", "GONGJI_LISTEN_API=[::1]:9000", "GONGJI_OFFLINE_MAX_SALE=12.34",
		"GONGJI_UPSTREAM_FEED_ON_SWIPE=false", "GONGJI_UPSTREAM_EXTENSIONS=feed, trace,expected_split", "GONGJI_VENUE_AGREEMENT_UNTIL=2030-01-01",
		"GONGJI_UPSTREAM_TIMEOUT=5s", "GONGJI_UPSTREAM_DIALECT_FUND_INCLUDES_ACCOUNT=true", "GONGJI_CI=1", "GONGJI_TOKEN=x", "PATH=/bin",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "/srv/gongji" || c.Listen.API != "[::1]:9000" || c.Offline.MaxSale != 1234 || c.Upstream.Feed.OnSwipe ||
		len(c.Upstream.Extensions) != 3 || !c.Upstream.Has("expected_split") || c.Venue.AgreementUntil != 20300101 ||
		c.Upstream.Timeout != 5*time.Second || c.Upstream.Dialect.FundIncludesAccount == nil || !*c.Upstream.Dialect.FundIncludesAccount {
		t.Errorf("%+v", c)
	}
}

func TestEnvironmentMistakes(t *testing.T) {
	base, err := os.ReadFile("gongjid.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse("x.yaml", base, []string{"GONGJI_OFFLINE_MAX_COUNT=some", "GONGJI_LISTEN_IPA=127.0.0.1:1", "GONGJI_LISTEN_API=0.0.0.0:80", "GONGJI_READERS=x"})
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 4 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"environment: GONGJI_LISTEN_IPA: the variable names no key; did you mean GONGJI_LISTEN_API?",
		"environment: GONGJI_OFFLINE_MAX_COUNT: must be a whole number",
		"environment: GONGJI_LISTEN_API: must be a loopback address",
		"environment: GONGJI_READERS: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
}

// TestVariablesAreUnique: two keys must not share a variable, which the underscore inside keys could bring about.
func TestVariablesAreUnique(t *testing.T) {
	seen := map[string]string{}
	for _, key := range Keys() {
		if other, taken := seen[Variable(key)]; taken {
			t.Errorf("%s and %s share %s", key, other, Variable(key))
		}
		seen[Variable(key)] = key
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	_, err := load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestEmptyFile names what must be set and nothing else.
func TestEmptyFile(t *testing.T) {
	_, err := Parse("empty.yaml", nil, nil)
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("got %v", err)
	}
	var keys []string
	for _, f := range faults {
		keys = append(keys, f.Key)
	}
	want := []string{"region", "venue.code", "venue.name", "venue.area", "venue.agreement_until", "reader.kind"}
	if !reflect.DeepEqual(keys, want) {
		t.Errorf("got %v, want %v", keys, want)
	}
}

func TestCards(t *testing.T) {
	c := Default()
	c.Reader = Reader{Kind: "gempc", Port: "/dev/ttyUSB0"}
	if got := c.Cards(); len(got) != 1 || got[0].Name != "counter-1" || got[0].Baud != 115200 || got[0].Slot != "contact" {
		t.Errorf("one reader: %+v", got)
	}
	c.Reader = Reader{}
	c.Readers = []Reader{{Name: "a", Kind: "acs", Port: "p", Slot: "contactless"}, {Name: "b", Kind: "gempc", Port: "q", Baud: 9600}}
	if got := c.Cards(); len(got) != 2 || got[0].Baud != 9600 || got[0].Slot != "contactless" || got[1].Baud != 9600 {
		t.Errorf("two readers: %+v", got)
	}
	if _, ok := c.Identity(); ok {
		t.Error("an identity reader that was not configured")
	}
	c.Scanner = Reader{Kind: "scanner", Port: "COM4"}
	if s, ok := c.Codes(); !ok || s.Name != "scanner-1" || s.Baud != 9600 {
		t.Errorf("scanner %+v %v", s, ok)
	}
}

func TestPlainAllowed(t *testing.T) {
	u := Upstream{AllowPlain: []string{"10.1.2.3:8080", "Centre.Local"}}
	for host, want := range map[string]bool{
		"127.0.0.1:9": true, "[::1]:9": true, "localhost": true, "10.1.2.3:8080": true, "10.1.2.3:80": false,
		"centre.local:99": true, "localhost.example.cn": false, "0.0.0.0:80": false,
	} {
		if got := u.PlainAllowed(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if got, err := ReadSecret(write("good", "s3cret\r\n", 0o600)); err != nil || string(got) != "s3cret" {
		t.Errorf("good: %q %v", got, err)
	}
	if _, err := ReadSecret(write("group", "s3cret\n", 0o640)); err != nil {
		t.Errorf("group may read: %v", err)
	}
	bad := []string{write("empty", "", 0o600), dir, filepath.Join(dir, "none")}
	if runtime.GOOS != "windows" {
		bad = append(bad, write("open", "s3cret\n", 0o644))
	}
	for _, path := range bad {
		if _, err := ReadSecret(path); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", path, err)
		}
		c := Default()
		c.Region, c.Reader = "430100", Reader{Kind: "gempc", Port: "p"}
		c.Venue = Venue{Code: "P43010000001", Name: "x", Kind: "pharmacy", Area: "430100", AgreementUntil: 20271231}
		c.Upstream.Gateway = Gateway{Kind: "x-tif", PaasID: "a", SecretFile: path}
		var faults Faults
		if err := c.Validate(); !errors.As(err, &faults) || len(faults) != 1 || faults[0].Key != "upstream.gateway.secret_file" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// FuzzParse: whatever the text, Parse ends with a configuration that validates or with an error, and never panics.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("gongjid.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	f.Add("a: &x {b: *x}\nreader: [1, {2: 3}]\n? {complex: key} : value\n")
	f.Add("venue: !!binary aGVsbG8=\nlisten: {<<: {api: x}}\noffline: {max_sale: .nan}")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("fuzz.yaml", []byte(text), nil)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v %v", c, err)
		}
		if err == nil && c.Validate() != nil {
			t.Fatalf("loaded, but does not validate: %v", c.Validate())
		}
	})
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{10 * time.Second: "10s", 5 * time.Minute: "5m", 720 * time.Hour: "720h", 90 * time.Minute: "1h30m", 61 * time.Second: "1m1s"} {
		if got := short(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gongji/cardreader/virtual"
)

// bench is a virtual reader that the command runs on a pseudo-terminal, with somebody typing at it.
type bench struct {
	t    *testing.T
	link string
	in   *io.PipeWriter
	out  *lockedLog
}

// simulateOn starts "simulate reader" and waits until it is ready.
func simulateOn(t *testing.T, flags ...string) *bench {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("pseudo-terminals are made on Linux alone")
	}
	in, typed := io.Pipe()
	b := &bench{t: t, link: filepath.Join(t.TempDir(), "reader"), in: typed, out: &lockedLog{}}
	root := rootCommand()
	root.SetIn(in)
	root.SetOut(b.out)
	root.SetArgs(append([]string{"simulate", "reader", "--link", b.link}, flags...))
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(t.Context()) }()
	t.Cleanup(func() {
		_ = typed.Close() // the end of standard input ends it
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(b.link); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the link was left behind: %v", err)
		}
	})
	b.until("ready " + b.link)
	return b
}

// until waits for words of the simulation.
func (b *bench) until(words string) {
	b.t.Helper()
	if missing := eventually(b.t.Context(), func() string {
		if strings.Contains(b.out.String(), words) {
			return ""
		}
		return words
	}); missing != "" {
		b.t.Fatalf("never said %q, only\n%s", words, b.out.String())
	}
}

// says types a command and returns the line that answers it.
func (b *bench) says(command string) string {
	b.t.Helper()
	before := strings.Count(b.out.String(), "\n")
	if _, err := io.WriteString(b.in, command+"\n"); err != nil {
		b.t.Fatal(err)
	}
	var answer string
	if missing := eventually(b.t.Context(), func() string {
		lines := strings.SplitAfter(b.out.String(), "\n")
		if len(lines) > before && strings.HasSuffix(lines[before], "\n") {
			answer = strings.TrimSpace(lines[before])
			return ""
		}
		return "an answer to " + command
	}); missing != "" {
		b.t.Fatal(missing)
	}
	return answer
}

// does types a command that must be obeyed.
func (b *bench) does(command string) {
	b.t.Helper()
	if answer := b.says(command); answer != "ok" {
		b.t.Fatalf("%s: %s", command, answer)
	}
}

// Every kind takes every fault it can have, refuses the others with the list of those, and obeys the other commands.
func TestSimulateEveryKind(t *testing.T) {
	all := append(virtual.Faults(), "fire")
	for _, kind := range virtual.ReaderKinds() {
		t.Run(kind, func(t *testing.T) {
			b := simulateOn(t, "--kind", kind)
			known := virtual.FaultsOf(kind)
			for _, name := range all {
				answer := b.says("fault " + name)
				if slices.Contains(known, name) {
					if answer != "ok" {
						t.Errorf("fault %s: %s", name, answer)
					}
					continue
				}
				if !strings.HasPrefix(answer, "error ") || !strings.Contains(answer, fmt.Sprintf("%q", name)) || !strings.Contains(answer, strings.Join(known, ", ")) {
					t.Errorf("fault %s: %s", name, answer)
				}
			}
			if answer := b.says("fault"); !strings.HasPrefix(answer, "error ") || !strings.Contains(answer, strings.Join(known, " ")) {
				t.Errorf("fault without a name: %s", answer)
			}
			for command, wrong := range map[string]string{
				"fault silent many": "number", "fault silent -1": "number", "pace": "baud", "pace fast": "baud", "pace -5": "-5", "swap": "file",
				"insert none.json": "none.json", "dance": "fault, insert, pace, quit, remove, swap",
			} {
				if answer := b.says(command); !strings.HasPrefix(answer, "error ") || !strings.Contains(answer, wrong) {
					t.Errorf("%s: %s", command, answer)
				}
			}
			for _, command := range []string{"fault silent 3", "fault none", "pace 9600", "pace 0", "insert", "remove", ""} {
				b.does(command)
			}
		})
	}
}

// A file is what the kind of reader is given, and another kind's file is refused.
func TestSimulateTakesFiles(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"card.json":     `{"kind": "social-2.00", "ef05": {"01": "430100D15600000500BF7C7A48FB4966", "07": "A12345678"}, "ef06": {"08": "11010519491231002X", "09": "王小芳"}}`,
		"document.json": `{"name": "王小芳", "sex": "2", "ethnicity": "01", "birth": "19491231", "number": "11010519491231002X", "issuer": "某局", "from": "20150101", "to": "长期"}`,
		"code.json":     `{"text": "6901234567892"}`,
	}
	for name, text := range files {
		writeFile(t, filepath.Join(dir, name), text)
	}
	own := map[string]string{virtual.KindGemPC: "card.json", virtual.KindACS: "card.json", virtual.KindSDT: "document.json", virtual.KindScanner: "code.json"}
	for _, kind := range virtual.ReaderKinds() {
		b := simulateOn(t, "--kind", kind, "--card", filepath.Join(dir, own[kind]))
		for name := range files {
			answer := b.says("swap " + filepath.Join(dir, name))
			if (answer == "ok") != (name == own[kind]) || strings.Contains(answer, "11010519491231002X") {
				t.Errorf("%s takes %s: %s", kind, name, answer)
			}
		}
	}
}

// Wrong flags are refused before anything is linked.
func TestSimulateRefusesWrongFlags(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		says  string
	}{
		"no link": {nil, "--link"}, "kind": {[]string{"--kind", "toaster"}, "gempc, acs, sdt, scanner"}, "slot": {[]string{"--slot", "left"}, "contactless"},
		"model": {[]string{"--kind", "acs", "--model", "acr9"}, "acr1281s, acr122s"}, "file": {[]string{"--card", "none.json"}, "none.json"},
	} {
		link := filepath.Join(t.TempDir(), "reader")
		args := append([]string{"simulate", "reader"}, c.flags...)
		if name != "no link" {
			args = append(args, "--link", link)
		}
		root := rootCommand()
		root.SetOut(io.Discard)
		root.SetArgs(args)
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a link was made", name)
		}
	}
}

// The end of its context ends a simulation whose standard input stays open.
func TestSimulateEndsWithItsContext(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("pseudo-terminals are made on Linux alone")
	}
	in, typed := io.Pipe()
	defer typed.Close()
	ctx, stop := context.WithCancel(t.Context())
	out := &lockedLog{}
	root := rootCommand()
	root.SetIn(in)
	root.SetOut(out)
	root.SetArgs([]string{"simulate", "reader", "--link", filepath.Join(t.TempDir(), "reader")})
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	if missing := eventually(t.Context(), func() string {
		if strings.Contains(out.String(), "ready ") {
			return ""
		}
		return "ready"
	}); missing != "" {
		t.Error(missing)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

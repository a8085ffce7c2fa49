package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestManualsAreMade: a page for every command, which man can read.
func TestManualsAreMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if _, stderr, code := runTool(t, "man", "--dir", dir); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Name() == "help" || c.Name() == "completion" || c.Hidden {
			return
		}
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if c.Long != "" && !strings.Contains(string(text), ".SH DESCRIPTION") {
			t.Errorf("%s describes nothing", name)
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk(rootCommand())
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("groff is not installed: the pages were made and not read")
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	output, err := exec.Command(groff, append([]string{"-man", "-Kutf8", "-Tutf8", "-ww", "-z"}, pages...)...).CombinedOutput()
	if err != nil || len(output) > 0 {
		t.Errorf("groff: %v\n%s", err, output)
	}
}

// TestCompletionKnowsTheCommands in every shell that has one.
func TestCompletionKnowsTheCommands(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		stdout, stderr, code := runTool(t, "completion", shell)
		if code != 0 || !strings.Contains(stdout, "gongjid") {
			t.Errorf("%s: exit %d, %s", shell, code, stderr)
		}
	}
	stdout, _, code := runTool(t, "__complete", "outbox", "--")
	for _, want := range []string{"--data", "--fail-if-unsent"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("no %s among %q", want, stdout)
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"gongji/config"
	"gongji/daemon"
)

// What a technician meets on the first day says what to do, in Chinese first; an error that explains itself gets no second text.
func TestAdviceForTheFirstDay(t *testing.T) {
	s, _ := startSandbox(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, listen := net.Listen("tcp", taken.Addr().String())
	_, missing := config.Load(filepath.Join(t.TempDir(), "nope.yaml"))
	c, err := s.config(sandboxOptions{listen: "127.0.0.1:0", region: "430100"})
	if err != nil {
		t.Fatal(err)
	}
	_, inUse := daemon.New(t.Context(), daemonOptions(c, slog.New(slog.DiscardHandler)))
	for _, test := range []struct {
		err  error
		want string
	}{
		{inUse, "数据目录正被另一个 gongjid 使用"},
		{fmt.Errorf("the API's port: %w", listen), "端口已被别的程序占用"},
		{missing, "配置文件读不到"},
	} {
		chinese, _, _ := strings.Cut(advice(test.err), "\n")
		if test.err == nil || !strings.Contains(chinese, test.want) {
			t.Errorf("%v: advice %q, want %q", test.err, chinese, test.want)
		}
	}
	_, faults := config.Parse("a.yaml", []byte("venue: {}"), nil)
	for _, plain := range []error{faults, errors.New("anything else")} {
		if got := advice(plain); plain == nil || got != "" {
			t.Errorf("%v: advice %q, want none", plain, got)
		}
	}
}

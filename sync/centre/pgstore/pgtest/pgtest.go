// Package pgtest starts a PostgreSQL of its own for tests: in a folder that goes away, on a Unix socket, and nowhere else.
package pgtest

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a running PostgreSQL.
type Server struct {
	dir, bin string
	data     string // the folder in dir that it runs on
	options  string
	as       *syscall.SysProcAttr // nil: whoever runs the tests
	fault    error                // why there is none
}

// programs finds PostgreSQL's programs: on the path, or where Debian puts them.
func programs() (string, error) {
	if found, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(found), nil
	}
	places, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well formed
	if len(places) == 0 {
		return "", fmt.Errorf("PostgreSQL is not installed (Debian: apt-get install postgresql)")
	}
	return filepath.Dir(places[len(places)-1]), nil
}

// Start starts a server for a package's tests, with what GONGJI_PG_OPTIONS adds to its command line ("-c name=value …"). Stop
// ends it. Where there is none, tests that need it skip or fail, see URL.
func Start() *Server { return begin(os.Getenv("GONGJI_PG_OPTIONS"), false) }

// StartArchiving starts a server that archives its log, for [Server.Backup] and [Server.Recover].
func StartArchiving() *Server { return begin(os.Getenv("GONGJI_PG_OPTIONS"), true) }

func begin(options string, archive bool) *Server {
	s := &Server{options: options}
	if s.bin, s.fault = programs(); s.fault != nil {
		return s
	}
	s.fault = s.start(archive)
	return s
}

func (s *Server) start(archive bool) (err error) {
	if s.dir, err = os.MkdirTemp("", "gongji-pg-"); err != nil {
		return err
	}
	if s.as, err = unprivileged(s.dir); err != nil { // PostgreSQL refuses to be root
		return err
	}
	data := filepath.Join(s.dir, "data")
	if err := s.run("initdb", "-D", data, "-U", "gongji", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"); err != nil {
		return err
	}
	s.options = "-c listen_addresses='' -c unix_socket_directories=" + s.dir + " -c fsync=" + fsync() + " -c max_connections=100 " + s.options
	if archive {
		if err := s.run("mkdir", s.archive()); err != nil {
			return err
		}
		s.options += fmt.Sprintf(` -c wal_level=replica -c archive_mode=on -c archive_command="cp %%p %s/%%f"`, s.archive())
	}
	return s.up("data")
}

func (s *Server) archive() string { return filepath.Join(s.dir, "archive") }

// up starts the server on one of its folders.
func (s *Server) up(data string) error {
	s.data = data
	return s.run("pg_ctl", "-D", filepath.Join(s.dir, data), "-w", "-t", "60", "-l", filepath.Join(s.dir, "log"), "-o", s.options, "start")
}

// Backup takes a base backup of the running server.
func (s *Server) Backup(t testing.TB) {
	t.Helper()
	err := s.run("pg_basebackup", "-h", s.dir, "-U", "gongji", "-D", filepath.Join(s.dir, "base"), "-c", "fast", "-X", "none", "--no-sync")
	if err != nil {
		t.Fatal(err)
	}
}

// Recover ends the server without a word, as if its disk were lost, and starts it from the base backup and the archived log
// up to a restore point's name. It returns when the server takes writes again.
func (s *Server) Recover(t testing.TB, point string) {
	t.Helper()
	settings := fmt.Sprintf("restore_command = 'cp %s/%%f %%p'\nrecovery_target_name = '%s'\nrecovery_target_action = 'promote'\n", s.archive(), point)
	base := filepath.Join(s.dir, "base")
	for _, step := range [][]string{
		{"pg_ctl", "-D", filepath.Join(s.dir, "data"), "-m", "immediate", "-w", "stop"},
		{"sh", "-c", "printf '%s' \"$1\" >> \"$2/postgresql.auto.conf\" && touch \"$2/recovery.signal\"", "sh", settings, base},
	} {
		if err := s.run(step[0], step[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.up("base"); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), s.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // nothing is left to lose
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		recovering := true
		if err := conn.QueryRow(t.Context(), "SELECT pg_is_in_recovery()").Scan(&recovering); err != nil {
			t.Fatal(err)
		}
		if !recovering {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the recovery does not come to its end")
		}
	}
}

// fsync is on only for measuring: no test pulls the plug.
func fsync() string {
	if os.Getenv("GONGJI_PG_FSYNC") == "1" {
		return "on"
	}
	return "off"
}

func (s *Server) run(program string, args ...string) error {
	path := filepath.Join(s.bin, program)
	if _, err := os.Stat(path); err != nil {
		path = program // one of the system's
	}
	command := exec.Command(path, args...)
	command.Dir = s.dir
	command.SysProcAttr = s.as
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Stop ends the server and takes its folder away.
func (s *Server) Stop() {
	if s.dir == "" {
		return
	}
	_ = s.run("pg_ctl", "-D", filepath.Join(s.dir, s.data), "-m", "immediate", "-w", "stop") // it may not have started
	_ = os.RemoveAll(s.dir)                                                                  // a left folder is the system's to clean
}

// Process is the server's first process; the others are its children.
func (s *Server) Process(t testing.TB) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, s.data, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(data), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// Database is the address of the server's own database, or a skip, or a failure where GONGJI_CI=1.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	if s.fault != nil {
		if os.Getenv("GONGJI_CI") == "1" {
			t.Fatal(s.fault)
		}
		t.Skip(s.fault, "on", runtime.GOOS)
	}
	return "postgres:///postgres?user=gongji&host=" + url.QueryEscape(s.dir)
}

// URL is the address of an empty database of the test's own.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	base := s.Database(t)
	name := "t" + strings.ToLower(rand.Text())
	conn, err := pgx.Connect(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context()) //nolint:errcheck // nothing is left to lose
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(base, "/postgres?", "/"+name+"?", 1)
}

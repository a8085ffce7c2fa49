package pgstore_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gongji/sync/centre"
	"gongji/sync/centre/pgstore"
)

// benchCentre has the test program be a centre over the database that it names.
const benchCentre = "GONGJI_BENCH_CENTRE"

// runAsCentre is a centre process until its input ends; each line of it is answered with the transactions that started again.
func runAsCentre() bool {
	database := os.Getenv(benchCentre)
	if database == "" {
		return false
	}
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	store, err := pgstore.Open(context.Background(), pgstore.Options{URL: database, Key: key})
	fail(err)
	defer store.Close()
	c, err := centre.New(centre.Options{Store: store})
	fail(err)
	front := httptest.NewServer(c.Handler())
	defer front.Close()
	fmt.Println(front.URL)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(store.Retries())
	}
	return true
}

// remote is such a process as its starter sees it.
type remote struct {
	url     string
	pid     int
	answers *bufio.Reader
	asks    io.Writer
}

func startRemote(t testing.TB, database string) *remote {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), benchCentre+"="+database)
	command.Stderr = os.Stderr
	asks, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		asks.Close()
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	r := &remote{pid: command.Process.Pid, answers: bufio.NewReader(out), asks: asks}
	r.url = r.line(t)
	return r
}

func (r *remote) line(t testing.TB) string {
	t.Helper()
	text, err := r.answers.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(text)
}

func (r *remote) process() *process { return &process{url: r.url} }

func (r *remote) retries(t testing.TB) float64 {
	t.Helper()
	fmt.Fprintln(r.asks)
	n, err := strconv.ParseFloat(r.line(t), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ticksPerSecond is USER_HZ, which is 100 on every Linux that is in use.
const ticksPerSecond = 100

// processorShares begins to count what tills, centres and database take; the returned function reports it for each report.
func processorShares(b *testing.B, centres []*remote) (tell func()) {
	b.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return func() {}
	}
	database := server.Process(b)
	look := func() (tills, centre, postgres float64) {
		for _, r := range centres {
			centre += taken(r.pid, false)
		}
		return taken(os.Getpid(), false), centre, taken(database, true)
	}
	tills, centre, postgres := look()
	return func() {
		b.Helper()
		tills2, centre2, postgres2 := look()
		each := func(ticks float64) float64 { return ticks / ticksPerSecond * 1000 / float64(b.N) }
		b.ReportMetric(each(tills2-tills), "tills-ms/report")
		b.ReportMetric(each(centre2-centre), "centre-ms/report")
		b.ReportMetric(each(postgres2-postgres), "postgres-ms/report")
	}
}

// taken is the processor time of a process in ticks, with its children's where asked for: those that live and those that ended.
func taken(pid int, family bool) (ticks float64) {
	_, own, ended := stat(pid)
	if !family {
		return own
	}
	ticks = own + ended
	others, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, other := range others {
		id, _ := strconv.Atoi(filepath.Base(other))
		if parent, own, _ := stat(id); parent == pid {
			ticks += own
		}
	}
	return ticks
}

// stat reads a process's parent and ticks; a process that has just ended has none.
func stat(pid int) (parent int, own, ended float64) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, 0
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:])) // state ppid … utime stime cutime cstime
	if len(fields) < 15 {
		return 0, 0, 0
	}
	number := func(i int) float64 { n, _ := strconv.ParseFloat(fields[i], 64); return n }
	return int(number(1)), number(11) + number(12), number(13) + number(14)
}

package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gongji/sync/nhsa"
)

// nodeVariable tells the test binary to be a node of a cluster instead: a process of its own can be killed as a power cut
// kills it, and be stopped so that its connections stay and nothing answers.
const nodeVariable = "GONGJI_TEST_NODE"

type nodePlan struct {
	Name, Store string
	Client      int
	Cluster     int
	Routes      []string
}

// runAsNode runs a node until standard input ends, which it does when the test ends however it ends.
func runAsNode() bool {
	text := os.Getenv(nodeVariable)
	if text == "" {
		return false
	}
	var plan nodePlan
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		panic(err)
	}
	var routes []*url.URL
	for _, r := range plan.Routes {
		u, err := url.Parse(r)
		if err != nil {
			panic(err)
		}
		routes = append(routes, u)
	}
	s, err := server.NewServer(&server.Options{
		ServerName: plan.Name, Host: "127.0.0.1", Port: plan.Client, JetStream: true, StoreDir: plan.Store, NoLog: true, NoSigs: true,
		DisableJetStreamBanner: true, JetStreamMaxMemory: 1 << 28, JetStreamMaxStore: 1 << 28,
		Cluster: server.ClusterOpts{
			Name: "gongji", Host: "127.0.0.1", Port: plan.Cluster, PingInterval: time.Second, MaxPingsOut: 2, // a node that is cut off is noticed
		}, Routes: routes,
	})
	if err != nil {
		panic(err)
	}
	s.Start()
	io.Copy(io.Discard, os.Stdin)
	s.Shutdown()
	s.WaitForShutdown()
	return true
}

type node struct {
	plan    nodePlan
	command *exec.Cmd
	input   io.Closer
}

func (n *node) start(t testing.TB) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := json.Marshal(n.plan)
	if err != nil {
		t.Fatal(err)
	}
	n.command = exec.Command(self)
	n.command.Env = append(os.Environ(), nodeVariable+"="+string(plan))
	if n.input, err = n.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := n.command.Start(); err != nil {
		t.Fatal(err)
	}
}

func (n *node) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := n.command.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// kill is a power cut of the node.
func (n *node) kill() {
	if n.command != nil {
		n.command.Process.Kill()
		n.command.Wait()
		n.input.Close()
		n.command = nil
	}
}

func freePorts(t testing.TB, count int) []int {
	t.Helper()
	ports := make([]int, count)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}

// cluster is three nodes in processes of their own.
func cluster(t testing.TB) (nodes []*node, end Endpoint) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the nodes are stopped by signals that Windows does not have")
	}
	ports, dir := freePorts(t, 6), t.TempDir()
	for i := range 3 {
		plan := nodePlan{Name: fmt.Sprintf("n%d", i), Store: filepath.Join(dir, fmt.Sprint(i)), Client: ports[i], Cluster: ports[3+i]}
		for j := range 3 {
			if j != i {
				plan.Routes = append(plan.Routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[3+j]))
			}
		}
		n := &node{plan: plan}
		n.start(t)
		nodes = append(nodes, n)
		t.Cleanup(n.kill)
		end.Servers = append(end.Servers, fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
	}
	return nodes, end
}

// leader is the node that leads the stream, once all its followers have caught up: a node that has just come back with
// an empty memory counts for nothing yet.
func leader(t testing.TB, end Endpoint, nodes []*node) *node {
	t.Helper()
	nc, err := nats.Connect(strings.Join(end.Servers, ","))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	var found *node
	until(t, 20*time.Second, "the stream has a leader", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		stream, err := js.Stream(ctx, "GONGJI_REPORTS")
		if err != nil || stream.CachedInfo().Cluster == nil {
			return false
		}
		for _, replica := range stream.CachedInfo().Cluster.Replicas {
			if !replica.Current || replica.Offline {
				return false
			}
		}
		for _, n := range nodes {
			if n.plan.Name == stream.CachedInfo().Cluster.Leader && n.command != nil {
				found = n
			}
		}
		return found != nil
	})
	return found
}

// tally is what venues were told and what the centre did, by msgid.
type tally struct {
	mu   sync.Mutex
	told map[string]nhsa.Result
	done map[string]int
	why  map[string]int // reasons of what was not answered
}

func (y *tally) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if request, err := nhsa.DecodeRequest(body); err == nil {
		y.mu.Lock()
		y.done[request.MsgID]++
		y.mu.Unlock()
	}
	done(w, r)
}

func (y *tally) count(r nhsa.Result) (n int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, result := range y.told {
		if result == r {
			n++
		}
	}
	return n
}

// TestCluster: while nodes of a cluster are killed and stopped under traffic, a venue is never told anything wrong: what
// was answered was done once, what was not sent was never done, and what is unknown at most once. It goes on while the
// leader is cut off, takes nothing while two of three are dead, and comes back with them.
func TestCluster(t *testing.T) {
	t.Parallel()
	nodes, end := cluster(t)
	y := &tally{told: map[string]nhsa.Result{}, done: map[string]int{}, why: map[string]int{}}
	defer func() { t.Logf("reasons: %v", y.why) }()
	serving(t, ServerOptions{Endpoint: end, Handler: y, Bounds: Bounds{Replicas: 3}, AckWait: time.Second, Watch: WatchOptions{Beat: 500 * time.Millisecond}})
	ctx, cancel := context.WithCancel(t.Context())
	var venues sync.WaitGroup
	for i := range 4 {
		l := line(t, LineOptions{Endpoint: end, Venue: fmt.Sprintf("P4301000%04d", i), Presence: time.Second})
		c := client(t, l, 1500*time.Millisecond)
		venues.Go(func() { y.traffic(ctx, t, c) })
	}
	answered := func(more int) func() bool {
		from := y.count(nhsa.Answered)
		return func() bool { return y.count(nhsa.Answered) >= from+more }
	}
	until(t, 20*time.Second, "traffic begins", answered(20))

	silent := leader(t, end, nodes)
	silent.signal(t, hold) // cut off: its connections stand, nothing answers
	unanswered := y.count(nhsa.Unknown)
	until(t, 40*time.Second, "the others go on", answered(20))
	silent.signal(t, goOn)
	silent = leader(t, end, nodes)
	for _, n := range nodes {
		if n != silent { // silent leads now and stays, without its followers
			n.kill()
		}
	}
	refused := y.count(nhsa.NotSent)
	until(t, 30*time.Second, "one of three takes nothing", func() bool { return y.count(nhsa.NotSent) > refused+4 })
	for _, n := range nodes {
		if n != silent {
			n.start(t)
		}
	}
	until(t, 40*time.Second, "all three are back", answered(20))
	cancel()
	venues.Wait()
	t.Logf("answered %d, unknown %d (%d before the silent node), not sent %d", y.count(nhsa.Answered), y.count(nhsa.Unknown), unanswered, y.count(nhsa.NotSent))
	y.verify(t)
}

// traffic sends one message after the other and notes what it is told.
func (y *tally) traffic(ctx context.Context, t testing.TB, c *nhsa.Client) {
	for ctx.Err() == nil {
		prepared, err := c.Prepare(context.Background(), nhsa.Call{Message: booking(), Operator: operator, SignNo: "N1", InsuredArea: "430100"})
		if err != nil {
			t.Error(err)
			return
		}
		outcome := c.Send(context.Background(), prepared)
		y.mu.Lock()
		y.told[prepared.MsgID] = outcome.Result
		if outcome.Result != nhsa.Answered {
			y.why[fmt.Sprint(outcome.Err)]++
		}
		y.mu.Unlock()
		wait(ctx, 40*time.Millisecond)
	}
}

func (y *tally) verify(t testing.TB) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for id, result := range y.told {
		n := y.done[id]
		switch {
		case result == nhsa.NotSent && n != 0, result == nhsa.Answered && n < 1:
			t.Errorf("%s: result %v, done %d times", id, result, n)
		}
	}
	repeated := 0
	for _, n := range y.done {
		if n > 1 {
			repeated++
		}
	}
	// One process of the centre took part all the time: what it answered it remembers.
	if repeated > 0 {
		t.Errorf("%d messages were done more than once", repeated)
	}
}

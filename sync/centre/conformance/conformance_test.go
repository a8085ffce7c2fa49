package conformance

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gongji/settle"
	"gongji/sync/centre"
	"gongji/sync/centre/pgstore"
	"gongji/sync/centre/pgstore/pgtest"
	"gongji/sync/nhsa"
)

// server is the PostgreSQL of this package's tests.
var server *pgtest.Server

func TestMain(m *testing.M) {
	server = pgtest.Start()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		server.Stop()
		os.Exit(code)
	}))
}

// urlVariable names the centre to be held to the suite; unset: the reference centre in this process.
const urlVariable = "GONGJI_CONFORMANCE_URL"

func demoTarget(url string) Target {
	return Target{
		URL: url, Venue: settle.Venue{Code: "P43010000001", Name: "示例大药房", Area: "430100"}, Operator: settle.Operator{ID: "1001", Name: "李敏"},
		Person: centre.DemoFamily(settle.DateOf(time.Now())).Stranger,
	}
}

// serve is a reference centre with the demo family.
func serve(t *testing.T, options centre.Options) string {
	t.Helper()
	c, err := centre.New(options)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := c.Seed(centre.DemoFamily(settle.DateOf(now)).Snapshot(now)); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(c.Handler())
	t.Cleanup(front.Close)
	return front.URL
}

func run(t *testing.T, target Target, judge func(t *testing.T, name string, err error)) {
	t.Helper()
	session, err := Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, check := range Checks() {
		t.Run(check.Name, func(t *testing.T) { judge(t, check.Name, check.Run(session)) })
	}
}

func mustConform(t *testing.T, _ string, err error) {
	t.Helper()
	if errors.Is(err, ErrNotOffered) {
		t.Skip(err)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestConformance(t *testing.T) {
	url := os.Getenv(urlVariable)
	if url == "" {
		url = serve(t, centre.Options{})
	}
	run(t, demoTarget(url), mustConform)
}

// TestPostgreSQL: the suite on a book in a database, by turns on two processes' centres over it.
func TestPostgreSQL(t *testing.T) {
	options := pgstore.Options{URL: server.URL(t), Key: func(bool) ([]byte, error) { return bytes.Repeat([]byte{9}, 32), nil }}
	var fronts []*url.URL
	for range 2 {
		store, err := pgstore.Open(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(store.Close)
		front, err := url.Parse(serve(t, centre.Options{Store: store}))
		if err != nil {
			t.Fatal(err)
		}
		fronts = append(fronts, front)
	}
	var turn atomic.Int64
	balancer := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(fronts[turn.Add(1)%2])
	}, Transport: &http.Transport{DisableKeepAlives: true}})
	t.Cleanup(balancer.Close)
	run(t, demoTarget(balancer.URL), mustConform)
}

// TestManners: the suite, and so the client, gets along with every manner of writing answers.
func TestManners(t *testing.T) {
	for name, manner := range map[string]centre.Manner{
		"string numbers, empty amounts, objects": {StringNumbers: true, EmptyAmounts: true, ObjectForArray: true},
		"fund includes account":                  {FundIncludesAccount: true},
	} {
		t.Run(name, func(t *testing.T) {
			target := demoTarget(serve(t, centre.Options{Manner: manner}))
			dialect, err := nhsa.NewDialect("national", nhsa.DialectOverrides{FundIncludesAccount: &manner.FundIncludesAccount})
			if err != nil {
				t.Fatal(err)
			}
			target.Dialect = &dialect
			run(t, target, mustConform)
		})
	}
}

// TestFindsFaults: a centre that misbehaves does not pass; a suite that everybody passes would prove nothing.
func TestFindsFaults(t *testing.T) {
	for fault, want := range map[string]string{
		"2102=venue-only:3":  "2102 2103 settle and cancel",
		"2103=lose-answer":   "2102 2103 settle and cancel",
		"2601=venue-only":    "2601 undoes by msgid",
		"2207=502-after":     "2201 to 2208 clinic",
		"9102=html-after":    "9101 9102 files",
		"2101=expire-signin": "2102 2103 settle and cancel",
	} {
		t.Run(fault, func(t *testing.T) {
			faults, err := centre.PlanFaults([]string{fault})
			if err != nil {
				t.Fatal(err)
			}
			session, err := Open(t.Context(), demoTarget(serve(t, centre.Options{Faults: faults})))
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			var failed []string
			for _, check := range Checks() {
				if check.Run(session) != nil {
					failed = append(failed, check.Name)
				}
			}
			if !slices.Contains(failed, want) {
				t.Errorf("failed: %q", failed)
			}
		})
	}
}

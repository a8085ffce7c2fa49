package shop

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"gongji/daemon/localapi/client"
	"gongji/daemon/session"
	"gongji/settle"
)

// TestNothingWrittenNamesAnybody: the real process has a day with sales, refusals, returns, a proxy's papers, a crash, a backup
// and an export; then everything that it wrote is searched for every number, name, card, phone and token: its data, its log at
// the finest level, its metrics, its temporary files, its backup. The export is the one place where a name may stand.
func TestNothingWrittenNamesAnybody(t *testing.T) {
	temp := t.TempDir()
	r := open(t, Options{Tills: 2})
	t.Setenv("TMPDIR", temp) // of the daemons and the commands
	p := r.start("--log-level", "debug")
	secrets := r.secrets()
	metrics := r.busyDay(p)
	p.Kill()
	p = r.start("--log-level", "debug")
	backup, export := filepath.Join(r.o.Dir, "day.backup"), filepath.Join(r.o.Dir, "export.csv")
	if text, err := r.tool("backup", "--data", r.Data(), "--to", backup); err != nil {
		t.Fatal(err, text)
	}
	today := time.Now().In(settle.Beijing).Format(time.DateOnly)
	said, err := r.tool("export", "--data", r.Data(), "--from", today, "--to", today, "--format", "csv", "--out", export)
	if err != nil {
		t.Fatal(err, said)
	}
	r.stop(p)
	searched := 0
	look := func(where string, text []byte) {
		searched += len(text)
		for kind, forms := range secrets {
			for _, form := range forms {
				if strings.Contains(string(text), form) {
					t.Errorf("%s holds a %s", where, kind)
				}
			}
		}
	}
	look("the metrics", []byte(metrics))
	look("what the commands said", []byte(said))
	for _, root := range []string{r.o.Dir, temp} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || path == export {
				return err
			}
			data, err := os.ReadFile(path)
			if strings.Contains(filepath.Base(path), "core") {
				t.Errorf("a core file: %s", path)
			}
			look(path, data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if searched < 100_000 {
		t.Errorf("only %d bytes were searched", searched)
	}
	t.Logf("%d bytes searched for %d kinds of secrets", searched, len(secrets))
}

// agentPhone and agentName belong to nobody.
const (
	agentPhone = "13900000017"
	agentName  = "路示例人"
)

// secrets are what must stand nowhere, in every form that a file could have it: UTF-8, GB18030, and hexadecimal as cards
// hold it.
func (r *rehearsal) secrets() map[string][]string {
	r.t.Helper()
	all := map[string][]string{}
	add := func(kind, value string) {
		forms := []string{value}
		if gb, err := simplifiedchinese.GB18030.NewEncoder().String(value); err == nil && gb != value {
			forms = append(forms, gb)
		}
		all[kind] = append(all[kind], forms...)
	}
	for _, p := range r.People {
		add("name", p.Name)
		add("identity number", p.IDNumber)
		add("insurance number", p.PsnNo)
		add("card number", p.CardNumber)
		add("card identifier", p.Identifier)
		add("card identifier", strings.ToLower(p.Identifier))
	}
	add("agent's name", agentName)
	add("agent's phone", agentPhone)
	for _, token := range r.Tokens() {
		add("token", token)
	}
	return all
}

// busyDay does what a counter does, right and wrong, and returns the metrics' text.
func (r *rehearsal) busyDay(p *Process) string {
	r.t.Helper()
	ctx := r.t.Context()
	c := r.Client(0)
	defer c.Close()
	stranger := r.People[1]
	for n, name := range []string{"L-1", "L-2", "L-3", "L-4"} {
		s := sale(0, name, "3.00")
		s.Patient = session.PatientRequest{IDNumber: r.People[0].IDNumber, Name: r.People[0].Name}
		settled, _, err := c.Settle(ctx, s)
		if err != nil {
			r.t.Fatal(err)
		}
		if n == 1 {
			if _, _, err := c.Reverse(ctx, settled.SettlementID, session.ReverseRequest{ReversalID: "LV-1", Terminal: Till(0), Operator: operator, Reason: "录入有误"}); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	wrong := sale(0, "L-X", "3.00")
	wrong.Patient = session.PatientRequest{IDNumber: stranger.IDNumber, Name: stranger.Name}
	if _, _, err := c.Settle(ctx, wrong); client.CodeOf(err) != settle.PersonCardMismatch {
		r.t.Fatalf("a stranger's sale: %v", err)
	}
	proxy := sale(0, "L-P", "3.00")
	proxy.Patient = session.PatientRequest{IDNumber: r.People[0].IDNumber, Name: r.People[0].Name}
	proxy.Proxy = &session.ProxyRequest{
		Agent: session.AgentRequest{IDNumber: stranger.IDNumber, Name: agentName, Phone: agentPhone, Relation: "child"}, Documents: []string{"principal_id", "agent_id"}, Reason: "elderly",
	}
	_, _, _ = c.Settle(ctx, proxy) // accepted or refused by the region: either may write nothing of it in clear
	misplaced := sale(0, r.People[0].IDNumber+"/"+r.People[0].Name, "3.00")
	misplaced.MedType = r.People[0].Name
	if _, _, err := c.Settle(ctx, misplaced); err == nil {
		r.t.Error("a sale whose fields are identities was taken")
	}
	r.ask(r.tokens[0], http.MethodGet, "/v1/people/me/accounts?terminal="+Till(0), nil)
	r.ask("gj_"+r.People[0].IDNumber, http.MethodGet, "/v1/reader", nil)
	if err := r.SetCentre(false); err != nil {
		r.t.Fatal(err)
	}
	r.sell(1, "L-OFF", "2.00")
	if err := r.SetCentre(true); err != nil {
		r.t.Fatal(err)
	}
	r.drain(p)
	series, err := r.Metrics(ctx)
	if err != nil || len(series) < 50 {
		r.t.Fatalf("%d metrics: %v", len(series), err)
	}
	var names []string
	for name := range series {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, "\n")
}

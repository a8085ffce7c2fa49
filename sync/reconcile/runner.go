package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Options of a Runner. Store, Client and SignIns are needed.
type Options struct {
	Store    Store
	Client   *nhsa.Client
	SignIns  *nhsa.SignIns
	Operator settle.Operator // default gongjid
	Offices  []string        // clearing offices besides those that bookings have named
	Clock    func() time.Time
	Logger   *slog.Logger
	// ProofAfter is how long after a message was sent its absence may be concluded: until then it may still be on its
	// way behind a gateway. Default 10 minutes.
	ProofAfter time.Duration
}

// Runner reconciles with one centre. It is safe for concurrent use.
type Runner struct {
	options Options
	waits   waits
}

// New checks the options. The error is NOT_CONFIGURED and names what is missing.
func New(options Options) (*Runner, error) {
	if options.Store == nil || options.Client == nil || options.SignIns == nil {
		return nil, settle.NewError(settle.NotConfigured, errors.New("reconcile needs Store, Client and SignIns"))
	}
	if options.Operator.ID == "" {
		options.Operator = settle.Operator{ID: "gongjid", Name: "系统"}
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.ProofAfter <= 0 {
		options.ProofAfter = 10 * time.Minute
	}
	options.Logger = options.Logger.With("component", "reconcile")
	return &Runner{options: options}, nil
}

// GroupResult is the outcome of one group's totals.
type GroupResult struct {
	Totals nhsa.Totals `json:"totals"`
	Result string      `json:"result"`
	Text   string      `json:"text,omitempty"` // the centre's, redacted
}

// Report is the outcome of a day.
type Report struct {
	Day         settle.Date   `json:"day"`
	At          time.Time     `json:"at"`
	Groups      []GroupResult `json:"groups"`
	Differences []Difference  `json:"differences"`
	Unknown     int           `json:"unknown"` // messages of the day whose outcome is open
}

// Balanced reports whether the day may be closed: every group balances, and nothing is open.
func (r *Report) Balanced() bool {
	for _, group := range r.Groups {
		if group.Result != nhsa.ResultEqual {
			return false
		}
	}
	return len(r.Differences) == 0 && r.Unknown == 0
}

// Day reconciles a day and records the outcome; it may be repeated, and the last outcome stands. Errors:
// UPSTREAM_SILENT where the centre did not answer, UPSTREAM_REFUSED where it refused, else the store's. Nothing is
// recorded then.
func (r *Runner) Day(ctx context.Context, day settle.Date) (Report, error) {
	report := Report{Day: day, At: r.options.Clock()}
	rows, err := r.options.Store.BookedRows(ctx, day, day)
	if err != nil {
		return report, err
	}
	unknown, err := r.options.Store.UnknownDispatches(ctx, day, day)
	if err != nil {
		return report, err
	}
	report.Unknown = len(unknown)
	offices, err := r.totals(ctx, &report, rows)
	if err != nil {
		return report, err
	}
	for _, u := range unknown { // what is open may be a row that only the centre has
		of, err := r.offices(ctx, u.Area)
		if err != nil {
			return report, err
		}
		for _, office := range of {
			offices[office] = true
		}
	}
	for office, look := range offices {
		if !look {
			continue
		}
		mine := ofOffice(rows, office)
		judged, err := r.details(ctx, office, day, day, mine)
		if err != nil {
			return report, err
		}
		found := Compare(mine, judged.rows, unknown, r.options.Client.Dialect())
		for i := range found {
			found[i].Office = office
		}
		report.Differences = append(report.Differences, found...)
	}
	return report, r.options.Store.RecordReconciliation(ctx, report.kept(r.options.Client.Dialect()))
}

// offices are the offices at which people insured in an area can be cleared: those that the centre has named before, and
// those of the configuration.
func (r *Runner) offices(ctx context.Context, area string) ([]string, error) {
	known, err := r.options.Store.ClearingOffices(ctx, area)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(known, r.options.Offices)
	slices.Sort(all)
	return slices.Compact(all), nil
}

// SignOut signs everybody out who is signed in (9002), as some centres demand after the day was held against their book. The
// next message signs in again by itself. The errors are those of [nhsa.SignIns.SignOut].
func (r *Runner) SignOut(ctx context.Context) error { return r.options.SignIns.SignOut(ctx) }

// totals asks 3201 for each group and returns the offices, true where a group does not balance.
func (r *Runner) totals(ctx context.Context, report *Report, rows []Row) (map[string]bool, error) {
	offices := map[string]bool{}
	for _, totals := range Totals(rows, report.Day, report.Day, r.options.Client.Dialect()) {
		answer, err := r.must(ctx, nhsa.CheckTotals{Totals: totals})
		if err != nil {
			return nil, err
		}
		result, err := nhsa.DecodeTotals(answer)
		if err != nil {
			return nil, settle.NewError(settle.UpstreamSilent, err)
		}
		report.Groups = append(report.Groups, GroupResult{totals, result.Result, nhsa.Redact(result.Text)})
		offices[totals.Office] = offices[totals.Office] || !result.Balanced()
	}
	return offices, r.emptyGroups(ctx, report, offices)
}

// emptyGroups asks about the groups in which we have nothing: a row that only the centre has may be alone in its group.
// A centre that refuses such a question has nothing there either.
func (r *Runner) emptyGroups(ctx context.Context, report *Report, offices map[string]bool) error {
	venue := r.options.Client.Venue()
	known, err := r.offices(ctx, venue.Area)
	if err != nil {
		return err
	}
	for _, totals := range missing(report, append(slices.Sorted(maps.Keys(offices)), known...), venue.Kind) {
		answer, err := r.must(ctx, nhsa.CheckTotals{Totals: totals})
		if settle.CodeOf(err) == settle.UpstreamRefused {
			continue
		}
		if err != nil {
			return err
		}
		result, err := nhsa.DecodeTotals(answer)
		if err != nil {
			return settle.NewError(settle.UpstreamSilent, err)
		}
		if !result.Balanced() {
			report.Groups = append(report.Groups, GroupResult{totals, result.Result, nhsa.Redact(result.Text)})
			offices[totals.Office] = true
		}
	}
	return nil
}

// missing are the groups of the offices that the report does not have yet, with nothing in them.
func missing(report *Report, offices []string, venueKind string) (empty []nhsa.Totals) {
	have := map[Group]bool{}
	for _, group := range report.Groups {
		have[Group{group.Totals.Insurance, group.Totals.ClrType, group.Totals.Office}] = true
	}
	types := []string{ClearingPharmacy}
	if venueKind != "" && venueKind != "pharmacy" {
		types = []string{ClearingOutpatient, ClearingPharmacy}
	}
	for _, office := range offices {
		for _, clrType := range types {
			for _, insurance := range []string{settle.InsuranceEmployee, settle.InsuranceResident} {
				key := Group{insurance, clrType, office}
				if !have[key] {
					have[key] = true
					empty = append(empty, nhsa.Totals{Insurance: insurance, ClrType: clrType, Office: office, Begin: report.Day, End: report.Day})
				}
			}
		}
	}
	return empty
}

// The clearing types (clr_type) that a venue of ours has.
const (
	ClearingOutpatient = "11"
	ClearingPharmacy   = "41"
)

func ofOffice(rows []Row, office string) (mine []Row) {
	for _, row := range rows {
		if row.Office == office {
			mine = append(mine, row)
		}
	}
	return mine
}

// judgement is a centre's item result.
type judgement struct {
	rows []nhsa.ResultRow
	file string    // its number
	at   time.Time // the centre's time before it looked; zero where the centre tells none
}

// details uploads the rows of an office and fetches the centre's judgement of each.
func (r *Runner) details(ctx context.Context, office string, begin, end settle.Date, rows []Row) (j judgement, err error) {
	dialect, venue := r.options.Client.Dialect(), r.options.Client.Venue().Code
	var total nhsa.Totals
	statement := make([]nhsa.StatementRow, 0, len(rows))
	for i := range rows {
		f := rows[i].Figures
		one := nhsa.Totals{Fund: f.Fund, Account: f.Own + f.Shared}
		statement = append(statement, nhsa.StatementRow{
			SetlID: rows[i].SetlID, MdtrtID: rows[i].MdtrtID, PsnNo: rows[i].PsnNo, Total: f.Total, Fund: one.FundOf(dialect), Account: one.Account, Refund: rows[i].Refund,
		})
		total.Total, total.Fund, total.Account, total.Cash = total.Total+f.Total, total.Fund+f.Fund, total.Account+one.Account, total.Cash+f.Cash
	}
	name := fmt.Sprintf("%s-%s", venue, begin)
	data, err := nhsa.EncodeStatement(name+".txt", statement)
	if err != nil {
		return j, err
	}
	answer, err := r.must(ctx, nhsa.Upload{File: data, Name: name + ".zip", Venue: venue})
	if err != nil {
		return j, err
	}
	file, err := nhsa.DecodeUpload(answer)
	if err != nil {
		return j, settle.NewError(settle.UpstreamSilent, err)
	}
	j.at = answer.CentreTime
	answer, err = r.must(ctx, nhsa.CheckDetails{
		Office: office, FileNo: file.No, Begin: begin, End: end, Total: nhsa.Amount(total.Total), Fund: nhsa.Amount(total.FundOf(dialect)),
		Cash: nhsa.Amount(total.Cash), Count: len(rows),
	})
	if err != nil {
		return j, err
	}
	if file, err = nhsa.DecodeDetails(answer); err != nil {
		return j, settle.NewError(settle.UpstreamSilent, err)
	}
	j.file = file.No
	j.rows, err = r.fetch(ctx, file)
	return j, err
}

func (r *Runner) fetch(ctx context.Context, file nhsa.File) ([]nhsa.ResultRow, error) {
	call, err := r.call(ctx, nhsa.Download{FileNo: file.No, Name: file.Name, Venue: r.options.Client.Venue().Code}, "")
	if err != nil {
		return nil, err
	}
	data, outcome, err := r.options.Client.Fetch(ctx, call)
	if err != nil {
		return nil, err
	}
	if !outcome.Done() {
		return nil, outcomeError(outcome)
	}
	rows, err := nhsa.DecodeResults(data, r.options.Client.Dialect())
	if err != nil {
		return nil, settle.NewError(settle.UpstreamSilent, err)
	}
	return rows, nil
}

func (r *Runner) call(ctx context.Context, message nhsa.Message, area string) (nhsa.Call, error) {
	number, outcome, err := r.options.SignIns.Number(ctx, r.options.Operator)
	if err == nil && number == "" {
		err = outcomeError(outcome)
	}
	return nhsa.Call{Message: message, Operator: r.options.Operator, SignNo: number, InsuredArea: area}, err
}

// must asks what the centre has to answer, signing in once more where it asks for that.
func (r *Runner) must(ctx context.Context, message nhsa.Message) (*nhsa.Answer, error) {
	return r.mustFor(ctx, message, "")
}

func (r *Runner) mustFor(ctx context.Context, message nhsa.Message, area string) (*nhsa.Answer, error) {
	for attempt := 0; ; attempt++ {
		call, err := r.call(ctx, message, area)
		if err != nil {
			return nil, err
		}
		outcome, err := r.options.Client.Ask(ctx, call)
		if err != nil {
			return nil, err
		}
		if attempt == 0 && r.options.Client.SignInRefused(outcome) {
			r.options.SignIns.Forget(r.options.Operator, call.SignNo)
			continue
		}
		if !outcome.Done() {
			return nil, outcomeError(outcome)
		}
		return outcome.Answer, nil
	}
}

func outcomeError(o nhsa.Outcome) error {
	if o.Result == nhsa.Answered {
		return settle.NewError(settle.UpstreamRefused, errors.New(o.Fault))
	}
	return settle.NewError(settle.UpstreamSilent, o.Err)
}

package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"

	"gongji/settle"
)

// RequestBinding books a request to the centre for a binding, its change or its end; replayed is true where the id was
// already used with the same content. Unlike a sale id it is one for the whole venue, since it travels to the centre. It
// changes nothing but the request: only the centre's confirmation writes a binding (S-025, S-143). NOT_FOUND, PERSON_UNKNOWN, PERSON_CARD_MISMATCH, RULE_REFUSED (E_BINDING_…),
// IDEMPOTENCY_CONFLICT (member field), BAD_REQUEST, the codes of the card, STORE_FULL, STORE_BROKEN, and whatever Confirm
// returns.
func (l *Ledger) RequestBinding(ctx context.Context, order settle.BindingOrder) (view settle.RequestView, replayed bool, err error) {
	err = l.write(ctx, func(t *tx) (err error) {
		view, replayed, err = t.requestBinding(&order)
		return err
	})
	if err != nil {
		return settle.RequestView{}, false, err
	}
	return view, replayed, nil
}

// Request is a request by the till's id; NOT_FOUND.
func (l *Ledger) Request(ctx context.Context, id string) (view settle.RequestView, err error) {
	err = l.read(ctx, func(t *tx) (err error) {
		view, err = t.requestBy("q.request_id = ?", id)
		return err
	})
	return view, err
}

func (t *tx) requestBinding(order *settle.BindingOrder) (settle.RequestView, bool, error) {
	if order.Request.ID == "" || order.Request.POS == "" {
		return settle.RequestView{}, false, badField("request_id", "缺少单号。", "till and id are required")
	}
	stored, err := t.requestBy("q.request_id = ?", order.Request.ID)
	switch {
	case err == nil:
		if field := firstRequestDifference(&stored.BindingRequest, order.Request); field != "" {
			return settle.RequestView{}, false, conflict(field)
		}
		return stored, true, nil
	case settle.CodeOf(err) != settle.NotFound:
		return settle.RequestView{}, false, err
	}
	if err := t.requestNew(order); err != nil {
		return settle.RequestView{}, false, err
	}
	fresh, err := t.requestBy("q.request_id = ?", order.Request.ID)
	return fresh, false, err
}

// preparedRequest is a request that was checked and completed, on its way into the ledger.
type preparedRequest struct {
	request            settle.BindingRequest
	giver, beneficiary *personRow
	rules              *settle.Rules
}

// requestNew checks a request against the policy and writes it.
func (t *tx) requestNew(order *settle.BindingOrder) error {
	p, err := t.prepareRequest(order)
	if err != nil {
		return err
	}
	digest, err := t.requestDigest(&p.request)
	if err != nil {
		return err
	}
	if err := checkConfirm(p.rules, string(p.request.Action), digest, order.Confirmed); err != nil {
		return err
	}
	if order.Confirm != nil {
		if err := order.Confirm(); err != nil {
			return err
		}
	}
	return t.storeRequest(&p.request, &order.Presence, p.giver, p.beneficiary)
}

// prepareRequest checks a request and completes it as it would be sent. It writes nothing.
func (t *tx) prepareRequest(order *settle.BindingOrder) (*preparedRequest, error) {
	if err := checkPresence(&order.Presence); err != nil {
		return nil, err
	}
	at := t.ledger.options.Clock().Round(0).In(settle.Beijing)
	day := settle.DateOf(at)
	rules, err := t.ledger.options.RulesFor(day)
	if err != nil {
		return nil, fmt.Errorf("rules of the day: %w", err)
	}
	p := &preparedRequest{request: order.Request, rules: rules}
	request := &p.request
	request.At, request.State, request.Answer = at, settle.RequestPending, ""
	if p.giver, p.beneficiary, err = t.parties(order, request); err != nil {
		return nil, err
	}
	if err := t.checkPresented(&order.Presence, order.Actor, func() error { return nil }); err != nil {
		return nil, err
	}
	complete(request, rules, day)
	facts, err := t.bindingFacts(request, p.giver, p.beneficiary, day)
	if err != nil {
		return nil, err
	}
	facts.Asker = order.Actor
	return p, settle.CheckBinding(rules, facts)
}

// parties finds the two people of a request, and for a binding that exists completes the request from it. Whoever is not
// one of the two learns nothing of a binding, not even that it exists; only the giver binds and ends.
func (t *tx) parties(order *settle.BindingOrder, request *settle.BindingRequest) (giver, beneficiary *personRow, err error) {
	if request.Action != settle.BindingBind {
		rows, err := t.bound("b.ref = ?", request.Binding)
		if err != nil {
			return nil, nil, err
		}
		if len(rows) == 0 || (rows[0].binding.Giver != order.Actor && rows[0].binding.Beneficiary != order.Actor) {
			return nil, nil, settle.NewError(settle.NotFound, nil)
		}
		takeOver(request, &rows[0])
	}
	givesOrEnds := request.Action == settle.BindingBind || request.Action == settle.BindingUnbind
	if givesOrEnds && request.Giver != order.Actor {
		return nil, nil, settle.Refused(settle.EBindingActor)
	}
	from, err := t.known(request.Giver)
	if err != nil {
		return nil, nil, err
	}
	to, err := t.known(request.Beneficiary)
	if err != nil {
		return nil, nil, err
	}
	return &from, &to, t.checkName(&to, order.BeneficiaryName)
}

// checkName compares a relative's name as it was typed with the name under the number (S-061). Empty: not told.
func (t *tx) checkName(p *personRow, typed string) error {
	if typed == "" {
		return nil
	}
	who, err := t.identity(p)
	if err == nil && settle.FoldName(who.Name) != settle.FoldName(typed) {
		return badField("beneficiary.name", "姓名与证件号码不符。", "is not the name under this number")
	}
	return err
}

// takeOver completes a request from the binding that it is to change: what it does not change stays as it is.
func takeOver(request *settle.BindingRequest, r *boundRow) {
	b := &r.binding
	request.Giver, request.Beneficiary, request.Relation = b.Giver, b.Beneficiary, b.Relation
	request.ValidFrom, request.ValidTo = b.ValidFrom, b.ValidTo
	if request.Action != settle.BindingReorder {
		request.Rank = b.Rank
	}
	if request.Action != settle.BindingLimit {
		request.Limit, request.LimitAll = b.Limit, r.limitAll
	}
}

// complete fills in what the policy says where the request leaves it open: the term of a new binding, the last day of
// one that ends, and what a limit is of.
func complete(request *settle.BindingRequest, rules *settle.Rules, day settle.Date) {
	switch request.Action {
	case settle.BindingBind:
		from, to := settle.BindingTerm(rules, day)
		if request.ValidTo == 0 && request.ValidFrom == 0 {
			request.ValidTo = to
		}
		request.ValidFrom = cmp.Or(request.ValidFrom, from)
		request.LimitAll = request.Limit.Set && rules.Caps.GiverLimitScope == settle.LimitAll
	case settle.BindingUnbind:
		request.ValidTo = settle.BindingEnd(rules, day)
	case settle.BindingLimit:
		request.LimitAll = request.Limit.Set && rules.Caps.GiverLimitScope == settle.LimitAll
	}
}

func (t *tx) storeRequest(request *settle.BindingRequest, presence *settle.Presence, giver, beneficiary *personRow) error {
	record, err := t.link(recordRequest, request.ID, requestRecord{Request: *request, Presence: *presence})
	if err != nil {
		return err
	}
	id, err := t.addRequest(request, giver.key, beneficiary.key, record)
	if err != nil {
		return err
	}
	return t.addPresence(record, subject{request: id}, presence)
}

// addRequest writes the row of a request and its report.
func (t *tx) addRequest(request *settle.BindingRequest, giver, beneficiary, record int64) (id int64, err error) {
	id, err = t.insert(`INSERT INTO request (pos, request_id, action, binding, giver, beneficiary, at, state, answer, record)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		request.POS, request.ID, request.Action, request.Binding, giver, beneficiary, millis(request.At), request.State,
		t.vault().seal(KindNote, nil), record)
	if err != nil {
		return 0, err
	}
	if _, err := t.addReport(settle.ReportBinding, subject{request: id}, giver, 0, request.At, record); err != nil {
		return 0, err
	}
	t.batch.after = append(t.batch.after, t.ledger.wakeOutbox)
	return id, nil
}

// firstRequestDifference is firstDifference for a request. What the ledger completed is no content of the till's, and a
// repeat without a card cannot know the giver.
func firstRequestDifference(stored *settle.BindingRequest, repeated settle.BindingRequest) string {
	bind := repeated.Action == settle.BindingBind
	repeated.At, repeated.State, repeated.Answer = stored.At, stored.State, stored.Answer
	repeated.LimitAll = stored.LimitAll
	if stored.AuthMethod == "" { // an older version did not ask
		repeated.AuthMethod = ""
	}
	if bind {
		repeated.Binding = stored.Binding
	}
	repeated.ValidFrom = cmp.Or(repeated.ValidFrom, stored.ValidFrom)
	repeated.ValidTo = cmp.Or(repeated.ValidTo, stored.ValidTo)
	if repeated.Giver == "" || !bind {
		repeated.Giver = stored.Giver
	}
	if !bind {
		repeated.Beneficiary, repeated.Relation = stored.Beneficiary, stored.Relation
		if repeated.Action != settle.BindingReorder {
			repeated.Rank = stored.Rank
		}
		if repeated.Action != settle.BindingLimit {
			repeated.Limit = stored.Limit
		}
	}
	return differ(reflect.ValueOf(*stored), reflect.ValueOf(repeated), "")
}

const requestQuery = `SELECT q.record, q.state, q.answer, r.state, g.masked, p.masked, COALESCE((SELECT b.ref FROM binding b
		WHERE q.state = 'confirmed' AND b.giver = q.giver AND b.beneficiary = q.beneficiary AND b.active = 1
		ORDER BY b.as_of DESC LIMIT 1), '')
	FROM request q JOIN report r ON r.request = q.id
	JOIN person g ON g.id = q.giver JOIN person p ON p.id = q.beneficiary WHERE `

// requests reads requests with what became of them.
func (t *tx) requests(condition string, args ...any) (list []settle.RequestView, err error) {
	var records []int64
	var answers [][]byte
	var bound []string // the binding that a confirmed request has made
	err = t.each(requestQuery+condition, args, func(scan func(dest ...any) error) error {
		var v settle.RequestView
		var record int64
		var answer []byte
		var ref string
		err := scan(&record, &v.State, &answer, &v.Report, &v.GiverMasked, &v.BeneficiaryMasked, &ref)
		list, records, answers, bound = append(list, v), append(records, record), append(answers, answer), append(bound, ref)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		var record requestRecord
		if err := t.record(records[i], &record); err != nil {
			return nil, err
		}
		answer, err := t.vault().unseal(KindNote, answers[i])
		if err != nil {
			return nil, err
		}
		state := list[i].State
		list[i].BindingRequest = record.Request
		list[i].State, list[i].Answer = state, string(answer)
		if list[i].Action == settle.BindingBind {
			list[i].Binding = bound[i]
		}
	}
	return list, nil
}

func (t *tx) requestBy(condition string, args ...any) (settle.RequestView, error) {
	list, err := t.requests(condition, args...)
	if err != nil {
		return settle.RequestView{}, err
	}
	if len(list) == 0 {
		return settle.RequestView{}, settle.NewError(settle.NotFound, nil)
	}
	return list[0], nil
}

// fillRequest is the dossier of a request's report.
func (t *tx) fillRequest(d *settle.Dossier, own int64) (*settle.Presence, error) {
	var record requestRecord
	if err := t.record(own, &record); err != nil {
		return nil, err
	}
	view, err := t.requestBy("q.record = ?", own)
	if err != nil {
		return nil, err
	}
	d.Request, d.At, d.Credential, d.Sale.Operator = &view.BindingRequest, record.Request.At, record.Presence.Kind, record.Request.Operator
	d.Other, err = t.inClear(record.Request.Beneficiary)
	return &record.Presence, err
}

// answerRequest books what the centre said of a request: a confirmation writes the binding, a refusal goes on the work
// list. An answer that says nothing of the request, or a second one, changes nothing.
func (t *tx) answerRequest(m *sentMessage, r *settle.DispatchResult) (detail string, err error) {
	if r.RequestState == "" {
		return "", nil
	}
	view, err := t.requestBy("q.id = ?", m.request.Int64)
	if err != nil || view.State != settle.RequestPending {
		return "", err
	}
	if r.NoBinding && view.POS == endingPOS {
		// Nothing stands there that could be ended: it was known from an import alone, or somebody else was first. That is what
		// was asked for.
		r.RequestState = settle.RequestConfirmed
	}
	state := r.RequestState
	switch state {
	case settle.RequestConfirmed:
		if detail, err = t.confirmRequest(&view.BindingRequest, r); err != nil {
			return "", err
		}
		if detail != "" { // nothing was written, so nothing counts
			state, r.ReportState = settle.RequestPending, settle.ReportAdjusted
		}
	case settle.RequestRefused:
		detail, r.ReportState, r.Done = cmp.Or(r.RequestAnswer, r.Fault), settle.ReportRefused, true
	}
	return detail, t.run("UPDATE request SET state = ?, answer = ? WHERE id = ?",
		state, t.vault().seal(KindNote, []byte(r.RequestAnswer)), m.request.Int64)
}

// confirmRequest writes the binding as the centre has it now. Where the centre does not say, our own row takes what was
// asked. detail tells why an answer cannot be used: it is of other people, or not a whole binding.
func (t *tx) confirmRequest(request *settle.BindingRequest, r *settle.DispatchResult) (detail string, err error) {
	centre, err := t.confirmedAt(r)
	if err != nil {
		return "", err
	}
	if r.Binding == nil {
		return "", t.changeBinding(request, centre)
	}
	giver, beneficiary, err := t.bothOf(request)
	if err != nil {
		return "", err
	}
	b := *r.Binding
	b.Relation = cmp.Or(b.Relation, request.Relation)
	b.BoundAt = cmp.Or(b.BoundAt, settle.DateOf(request.At))
	b.ValidFrom = cmp.Or(b.ValidFrom, request.ValidFrom, b.BoundAt)
	vault := t.vault()
	samePeople := personID(vault.name(KindPerson, b.Giver)) == request.Giver && personID(vault.name(KindPerson, b.Beneficiary)) == request.Beneficiary
	var f snapshotFaults
	f.binding(0, &b)
	if !samePeople || f.err() != nil {
		return "中心确认的绑定与申请不符，未采用，请核对", nil
	}
	generation, err := t.count("generation", 0)
	if err != nil {
		return "", err
	}
	a := &applying{tx: t, centre: centre, generation: generation}
	if err := a.applyBinding(giver, beneficiary, &b); err != nil {
		return "", err
	}
	return "", t.keepEnded(&b, request.At)
}

// confirmedAt is the centre time of a confirmation; where it is not known, just after the newest snapshot, so that the
// next one decides.
func (t *tx) confirmedAt(r *settle.DispatchResult) (int64, error) {
	if r.Booking != nil && !r.Booking.CentreTime.IsZero() {
		return millis(r.Booking.CentreTime), nil
	}
	newest, err := t.metaInt(metaSnapshot)
	return newest + 1, err
}

func (t *tx) bothOf(request *settle.BindingRequest) (giver, beneficiary int64, err error) {
	for id, key := range map[settle.PersonID]*int64{request.Giver: &giver, request.Beneficiary: &beneficiary} {
		pid, _ := t.vault().pid(id)
		row, found := t.personBy("pid = ?", pid)
		err = errors.Join(err, found)
		*key = row.key
	}
	return giver, beneficiary, err
}

// changeBinding lets our row of a binding follow a confirmed request. A new binding without the centre's number comes with
// the next snapshot.
func (t *tx) changeBinding(request *settle.BindingRequest, centre int64) error {
	switch request.Action {
	case settle.BindingReorder:
		return t.run("UPDATE binding SET rank = ?, as_of = ? WHERE ref = ? AND as_of <= ?", request.Rank, centre, request.Binding, centre)
	case settle.BindingLimit:
		return t.run("UPDATE binding SET limit_max = ?, limit_all = ?, as_of = ? WHERE ref = ? AND as_of <= ?",
			optional(request.Limit), request.LimitAll, centre, request.Binding, centre)
	case settle.BindingUnbind:
		stays := request.ValidTo >= settle.DateOf(request.At)
		return t.run("UPDATE binding SET valid_to = ?, active = ?, as_of = ? WHERE ref = ? AND as_of <= ?",
			request.ValidTo, stays, centre, request.Binding, centre)
	}
	return nil
}

package conformance

import (
	"errors"
	"fmt"
	"time"

	"gongji/settle"
	"gongji/sync/nhsa"
)

// Checks lists the suite in the order in which it runs. The first signs in.
func Checks() []Check {
	return []Check{
		{"9001 9002 sign in and out", checkSignIn},
		{"1101 person", checkPerson},
		{"1201 1901 2001 queries", checkQueries},
		{"2101 quotes and books nothing", checkQuote},
		{"2102 2103 settle and cancel", checkSettle},
		{"2102 repeated msgid is booked once", checkRepeat},
		{"2102 refuses what contradicts itself", checkStrict},
		{"2601 undoes by msgid", checkReverse},
		{"2201 to 2208 clinic", checkClinic},
		{"5201 5203 5204 look up", checkLookUp},
		{"9101 9102 files", checkFiles},
		{"3201 3202 reconcile", checkReconcile},
		{"3301 3302 mapping", checkMapping},
		{"3505 3506 goods", checkGoods},
		{"G101 G102 feed", checkFeed},
	}
}

func checkSignIn(s *Session) error {
	if err := s.signIn(); err != nil {
		return err
	}
	if _, _, err := s.must(nhsa.SignOut{SignNo: s.signNo, Operator: s.Operator.ID}); err != nil {
		return err
	}
	if outcome, _, err := s.ask(nhsa.PharmacySettle{Dossier: s.dossier()}); err != nil || !s.client.SignInRefused(outcome) {
		return errors.Join(err, errors.New("2102 after the sign-out was not refused for the sign-in"))
	}
	return s.signIn()
}

func checkPerson(s *Session) error {
	if _, err := s.balance(); err != nil {
		return err
	}
	return errors.Join(
		s.refused("of an unknown card", nhsa.PersonQuery{CertType: "03", CertNo: "Z99999998", Identifier: "00"}),
		s.refused("of a card with another identifier", nhsa.PersonQuery{CertType: "03", CertNo: s.Person.CardNumber, Identifier: "00"}),
	)
}

func checkQueries(s *Session) error {
	answer, _, err := s.must(nhsa.DictionaryQuery{Type: "insutype", Valid: "1"})
	if err != nil {
		return err
	}
	if list, err := nhsa.DecodeDictionary(answer); err != nil || len(list) == 0 {
		return errors.Join(err, errors.New("1901 insutype is empty"))
	}
	kind := "2"
	if s.Venue.Code[0] == 'H' {
		kind = "1"
	}
	if answer, _, err = s.must(nhsa.InstitutionQuery{Type: kind, Code: s.Venue.Code}); err != nil {
		return err
	}
	if list, err := nhsa.DecodeInstitutions(answer); err != nil || len(list) != 1 || list[0].Code != s.Venue.Code {
		return errors.Join(err, errors.New("1201 does not find the venue"))
	}
	answer, _, err = s.must(nhsa.BenefitQuery{
		PsnNo: s.Person.PsnNo, Insurance: s.Person.Insurance, Venue: s.Venue.Code, MedType: "41", Begin: nhsa.Stamp(time.Now())})
	if err != nil {
		return err
	}
	if list, err := nhsa.DecodeBenefits(answer); err != nil || len(list) == 0 || !list[0].Enjoys {
		return errors.Join(err, errors.New("2001 finds no benefit"))
	}
	return nil
}

func checkQuote(s *Session) error {
	before, err := s.balance()
	if err != nil {
		return err
	}
	d := s.dossier()
	for range 2 {
		answer, _, err := s.must(nhsa.PharmacyQuote{Dossier: d})
		if err != nil {
			return err
		}
		figures, err := s.client.DecodeQuote(answer, &d)
		if err != nil {
			return err
		}
		if figures.Own != min(before, saleTotal) {
			return errors.New("2101 does not use the own account first")
		}
	}
	return s.expectBalance(before, "after two quotes")
}

func checkSettle(s *Session) error {
	before, err := s.balance()
	if err != nil {
		return err
	}
	booking, err := s.sell()
	if err != nil {
		return err
	}
	if err := s.expectBalance(before-booking.Figures.Own, "after 2102"); err != nil {
		return err
	}
	wrong := booking
	wrong.MdtrtID = "X"
	if err := s.refused("with another mdtrt_id", nhsa.Cancel{PsnNo: s.Person.PsnNo, SetlID: wrong.SetlID, MdtrtID: wrong.MdtrtID}); err != nil {
		return err
	}
	if _, err := s.cancel(booking); err != nil {
		return err
	}
	return errors.Join(
		s.refused("a second time", nhsa.Cancel{PsnNo: s.Person.PsnNo, SetlID: booking.SetlID, MdtrtID: booking.MdtrtID}),
		s.expectBalance(before, "after 2103"),
	)
}

func checkRepeat(s *Session) error {
	before, err := s.balance()
	if err != nil {
		return err
	}
	d := s.dossier()
	message, err := s.prepare(nhsa.PharmacySettle{Dossier: d})
	if err != nil {
		return err
	}
	first := s.client.Send(s.ctx, message)
	if !first.Done() {
		return fmt.Errorf("2102: %s", first.Fault)
	}
	booking, err := s.client.DecodeBooking(first.Answer, message.MsgID, &d)
	if err != nil {
		return err
	}
	// Whether the repeat is refused or answered like the first is the centre's choice; money moves once.
	s.client.Send(s.ctx, message)
	if err := s.expectBalance(before-booking.Figures.Own, "after a repeat"); err != nil {
		return err
	}
	_, err = s.cancel(booking)
	return err
}

// crooked is a 2102 whose figures nobody checked.
type crooked struct{ input nhsa.SettleInput }

func (crooked) Infno() string               { return nhsa.InfnoSettle }
func (c crooked) Input() (any, bool, error) { return c.input, true, nil }

func checkStrict(s *Session) error {
	sound := func() nhsa.SettleInput {
		input, _, err := nhsa.PharmacySettle{Dossier: s.dossier()}.Input()
		if err != nil {
			panic("conformance: the suite's own sale: " + err.Error()) // constants of this package
		}
		return input.(nhsa.SettleInput)
	}
	sum, line, person, empty := sound(), sound(), sound(), sound()
	sum.Info.Total++
	line.Details[0].Total, line.Details[1].Total = line.Details[0].Total+50, line.Details[1].Total-50
	person.Info.PsnNo = "0"
	empty.Details = nil
	return errors.Join(
		s.refused("whose lines do not sum to the total", crooked{sum}), s.refused("with a line that is not cnt × pric", crooked{line}),
		s.refused("of an unknown person", crooked{person}), s.refused("without lines", crooked{empty}),
	)
}

func checkReverse(s *Session) error {
	before, err := s.balance()
	if err != nil {
		return err
	}
	booking, err := s.sell()
	if err != nil {
		return err
	}
	undo := nhsa.Reverse{PsnNo: s.Person.PsnNo, Original: booking.MsgID, OriginalInfno: nhsa.InfnoSettle}
	if _, _, err := s.must(undo); err != nil {
		return err
	}
	if err := s.expectBalance(before, "after 2601"); err != nil {
		return err
	}
	s.client.Send(s.ctx, mustPrepare(s, undo)) // a repeat may be accepted or refused; money stays
	if err := s.expectBalance(before, "after a repeated 2601"); err != nil {
		return err
	}
	nobody := undo
	nobody.Original = s.Venue.Code + "20000101000000" + "0000"
	return s.refused("of a message that never was", nobody)
}

func mustPrepare(s *Session, message nhsa.Message) nhsa.Prepared {
	prepared, err := s.prepare(message)
	if err != nil {
		panic("conformance: the suite's own message: " + err.Error()) // it was prepared once already
	}
	return prepared
}

func checkClinic(s *Session) error {
	before, err := s.balance()
	if err != nil {
		return err
	}
	now, no := nhsa.Stamp(time.Now()), s.mark()
	answer, _, err := s.must(nhsa.Register{
		PsnNo: s.Person.PsnNo, Insurance: s.Person.Insurance, Begin: now, CertType: "03", CertNo: s.Person.CardNumber, VisitNo: no,
		DoctorCode: "D430100000001", DoctorName: "张伟", DeptCode: "A02", DeptName: "全科", Speciality: "A02",
	})
	if err != nil {
		return err
	}
	visit, err := nhsa.DecodeRegister(answer)
	if err != nil {
		return err
	}
	if _, _, err = s.must(nhsa.Visit{
		Info: nhsa.VisitInfo{MdtrtID: visit, PsnNo: s.Person.PsnNo, MedType: "11", Begin: now},
		Diagnoses: []nhsa.Diagnosis{{Type: "1", Order: "1", Code: "J20.900", Name: "急性支气管炎", Dept: "全科", DoctorCode: "D430100000001",
			DoctorName: "张伟", Time: now, Valid: "1"}},
	}); err != nil {
		return err
	}
	fee := func(line, batch string, total nhsa.Amount) nhsa.Fee {
		return nhsa.Fee{
			Line: line, MdtrtID: visit, PsnNo: s.Person.PsnNo, Batch: batch, External: "0", Time: now, Code: "XA01", ShopCode: "6901", Total: total,
			Quantity: "1", Price: nhsa.Number(settle.Fen(total).String()), DeptCode: "A02", DeptName: "全科", DoctorCode: "D430100000001",
			DoctorName: "张伟", Approval: "0",
		}
	}
	if answer, _, err = s.must(nhsa.Fees{Rows: []nhsa.Fee{fee("1", "B1", 1000), fee("2", "B2", 500)}}); err != nil {
		return err
	}
	splits, err := nhsa.DecodeFees(answer)
	if err != nil || len(splits) != 2 {
		return errors.Join(err, errors.New("2204 does not answer each row"))
	}
	if _, _, err = s.must(nhsa.Unfees{MdtrtID: visit, Batch: "B2", PsnNo: s.Person.PsnNo}); err != nil {
		return err
	}
	bill := nhsa.ClinicSettle{
		PsnNo: s.Person.PsnNo, CertType: "03", CertNo: s.Person.CardNumber, MedType: "11", Total: 1000, Way: "01", MdtrtID: visit, Batch: "B1",
		UseAccounts: "1", Insurance: s.Person.Insurance, Own: nhsa.Amount(splits[0].Own), OverLimit: nhsa.Amount(splits[0].OverLimit),
		SelfPay: nhsa.Amount(splits[0].SelfPay), InScope: nhsa.Amount(splits[0].InScope),
	}
	d := settle.Dossier{Identity: settle.Identity{PsnNo: s.Person.PsnNo}, Figures: settle.Figures{Total: 1000}}
	if answer, _, err = s.must(bill.Quote()); err != nil {
		return err
	}
	quoted, err := s.client.DecodeQuote(answer, &d)
	if err != nil {
		return err
	}
	answer, msgid, err := s.must(bill)
	if err != nil {
		return err
	}
	booking, err := s.client.DecodeBooking(answer, msgid, &d)
	if err != nil || booking.Figures != quoted {
		return errors.Join(err, errors.New("2207 books other figures than 2206 quoted"))
	}
	err = errors.Join(
		s.refused("of a batch that is settled", bill),
		s.refused("of a visit that is settled", nhsa.Unregister{PsnNo: s.Person.PsnNo, MdtrtID: visit, VisitNo: no}),
		s.expectBalance(before-booking.Figures.Own, "after 2207"),
	)
	if err != nil {
		return err
	}
	if _, _, err = s.must(nhsa.ClinicCancel{SetlID: booking.SetlID, MdtrtID: visit, PsnNo: s.Person.PsnNo}); err != nil {
		return err
	}
	if _, _, err = s.must(nhsa.Unfees{MdtrtID: visit, Batch: "B1", PsnNo: s.Person.PsnNo}); err != nil {
		return err
	}
	if _, _, err = s.must(nhsa.Unregister{PsnNo: s.Person.PsnNo, MdtrtID: visit, VisitNo: no}); err != nil {
		return err
	}
	return s.expectBalance(before, "after 2208")
}

func checkLookUp(s *Session) error {
	begin := time.Now().Add(-time.Minute)
	booking, err := s.sell()
	if err != nil {
		return err
	}
	defer s.cancel(booking) //nolint:errcheck // the check's own finding comes first
	ids := nhsa.SettlementQuery{PsnNo: s.Person.PsnNo, SetlID: booking.SetlID, MdtrtID: booking.MdtrtID}
	answer, _, err := s.must(ids)
	if err != nil {
		return err
	}
	record, err := nhsa.DecodeSettlement(answer)
	if err != nil || record.Booking.Figures != booking.Figures || record.Booking.MsgID != booking.MsgID || record.Refund {
		return errors.Join(err, errors.New("5203 has not what 2102 booked"))
	}
	if answer, _, err = s.must(nhsa.SettledLinesQuery(ids)); err != nil {
		return err
	}
	lines, err := nhsa.DecodeSettledLines(answer)
	if err != nil || len(lines) != 2 || lines[0].Total+lines[1].Total != saleTotal {
		return errors.Join(err, errors.New("5204 has not the lines that 2102 booked"))
	}
	if answer, _, err = s.must(nhsa.VisitsQuery{PsnNo: s.Person.PsnNo, Begin: nhsa.Stamp(begin), End: nhsa.Stamp(time.Now().Add(time.Minute)), MedType: "41"}); err != nil {
		return err
	}
	visits, err := nhsa.DecodeVisits(answer)
	for _, visit := range visits {
		if visit.MdtrtID == booking.MdtrtID {
			return err
		}
	}
	return errors.Join(err, errors.New("5201 has not the visit of 2102"))
}

func checkFiles(s *Session) error {
	content, err := nhsa.EncodeStatement("a.txt", []nhsa.StatementRow{{SetlID: "1", PsnNo: "1", Total: 1}})
	if err != nil {
		return err
	}
	file, err := s.upload("a.zip", content)
	if err != nil {
		return err
	}
	back, outcome, err := s.client.Fetch(s.ctx, nhsa.Call{Message: nhsa.Download{FileNo: file.No, Name: file.Name, Venue: s.Venue.Code}, Operator: s.Operator, SignNo: s.signNo})
	if err != nil || !outcome.Done() || string(back) != string(content) {
		return errors.Join(err, errors.New("9102 does not give back what 9101 took"))
	}
	_, outcome, err = s.client.Fetch(s.ctx, nhsa.Call{Message: nhsa.Download{FileNo: "0", Name: "x", Venue: s.Venue.Code}, Operator: s.Operator, SignNo: s.signNo})
	if err != nil || outcome.Done() {
		return errors.Join(err, errors.New("9102 of a file that is not there gives one"))
	}
	return nil
}

func (s *Session) upload(name string, content []byte) (nhsa.File, error) {
	answer, _, err := s.must(nhsa.Upload{File: content, Name: name, Venue: s.Venue.Code})
	if err != nil {
		return nhsa.File{}, err
	}
	return nhsa.DecodeUpload(answer)
}

// checkReconcile uploads one of two rows and must be shown the other, with its msgid; sums of the result must balance.
func checkReconcile(s *Session) error {
	known, err := s.sell()
	if err != nil {
		return err
	}
	defer s.cancel(known) //nolint:errcheck // the check's own finding comes first
	hidden, err := s.sell()
	if err != nil {
		return err
	}
	defer s.cancel(hidden) //nolint:errcheck // the check's own finding comes first
	dialect := s.client.Dialect()
	mine := nhsa.Totals{Fund: known.Figures.Fund, Account: known.Figures.Own + known.Figures.Shared}
	content, err := nhsa.EncodeStatement("s.txt", []nhsa.StatementRow{
		{SetlID: known.SetlID, MdtrtID: known.MdtrtID, PsnNo: s.Person.PsnNo, Total: known.Figures.Total, Fund: mine.FundOf(dialect), Account: mine.Account},
		{SetlID: "S-" + s.mark(), MdtrtID: "M0", PsnNo: s.Person.PsnNo, Total: 100, Account: 100},
	})
	if err != nil {
		return err
	}
	file, err := s.upload("s.zip", content)
	if err != nil {
		return err
	}
	today := settle.DateOf(known.CentreTime)
	answer, _, err := s.must(nhsa.CheckDetails{
		Office: known.ClrOptins, FileNo: file.No, Begin: today, End: settle.DateOf(hidden.CentreTime), Total: nhsa.Amount(known.Figures.Total + 100),
		Fund: nhsa.Amount(mine.FundOf(dialect)), Cash: nhsa.Amount(known.Figures.Cash), Count: 2, ClrType: "41",
	})
	if err != nil {
		return err
	}
	result, err := nhsa.DecodeDetails(answer)
	if err != nil {
		return err
	}
	content, outcome, err := s.client.Fetch(s.ctx, nhsa.Call{Message: nhsa.Download{FileNo: result.No, Name: result.Name, Venue: s.Venue.Code}, Operator: s.Operator, SignNo: s.signNo})
	if err != nil || !outcome.Done() {
		return errors.Join(err, errors.New("the result of 3202 cannot be fetched"))
	}
	rows, err := nhsa.DecodeResults(content, dialect)
	if err != nil {
		return err
	}
	return errors.Join(judge(rows, known, hidden), s.balanced(known.ClrOptins, today, settle.DateOf(hidden.CentreTime)))
}

func judge(rows []nhsa.ResultRow, known, hidden settle.Booking) error {
	var faults []error
	foundHidden, foundVenueOnly := false, false
	for _, row := range rows {
		switch {
		case row.SetlID == known.SetlID && row.Result != nhsa.ResultEqual:
			faults = append(faults, errors.New("3202 finds a difference where there is none"))
		case row.SetlID == hidden.SetlID:
			foundHidden = row.Result == nhsa.ResultCentreOnly && row.MsgID == hidden.MsgID
		case row.Result == nhsa.ResultVenueOnly:
			foundVenueOnly = true
		}
	}
	if !foundHidden {
		faults = append(faults, errors.New("3202 does not show the row that only the centre has, with its msgid"))
	}
	if !foundVenueOnly {
		faults = append(faults, errors.New("3202 does not show the row that only the venue has"))
	}
	return errors.Join(faults...)
}

// balanced finds that totals which are surely wrong do not balance.
func (s *Session) balanced(office string, begin, end settle.Date) error {
	answer, _, err := s.must(nhsa.CheckTotals{Totals: nhsa.Totals{Insurance: s.Person.Insurance, ClrType: "41", Office: office, Begin: begin, End: end, Count: 0}})
	if err != nil {
		return err
	}
	result, err := nhsa.DecodeTotals(answer)
	if err == nil && result.Balanced() {
		err = errors.New("3201 balances with nothing although there are rows")
	}
	return err
}

func checkMapping(s *Session) error {
	shop := "C" + s.mark()
	item := nhsa.MappedItem{ShopCode: shop, ShopName: "阿莫西林胶囊", ListType: "101", Code: "XA01", Begin: 20260101, End: 20991231}
	gone := nhsa.Unmapping{Rows: []nhsa.UnmappedItem{{Venue: s.Venue.Code, ShopCode: shop, ListType: "101", Code: "XA01"}}}
	if _, _, err := s.must(nhsa.Mapping{Rows: []nhsa.MappedItem{item}}); err != nil {
		return err
	}
	if _, _, err := s.must(gone); err != nil {
		return err
	}
	return s.refused("of a mapping that is gone", gone)
}

func checkGoods(s *Session) error {
	booking, err := s.sell()
	if err != nil {
		return err
	}
	defer s.cancel(booking) //nolint:errcheck // the check's own finding comes first
	receipt, code := "R"+s.mark(), s.mark()
	row := nhsa.SoldGoods{
		Code: "XA01", ShopCode: "6901", ShopName: "阿莫西林胶囊", BatchNo: "B7", SettledAs: nhsa.PaidInsured, SetlID: booking.SetlID, VisitNo: receipt,
		Prescription: "0", Split: "0", Receipt: receipt, Quantity: "1", Time: nhsa.Stamp(time.Now()), Operator: s.Operator.Name,
		Traces: []nhsa.TraceCode{{Code: code}},
	}
	stranger := row
	stranger.SetlID, stranger.Traces = "S-0", nil
	answer, _, err := s.must(nhsa.Sold{Rows: []nhsa.SoldGoods{row, stranger}})
	if err != nil {
		return err
	}
	results, err := nhsa.DecodeGoods(answer, 2)
	if err != nil || !results[0].Accepted || results[1].Accepted {
		return errors.Join(err, errors.New("3505 does not judge each row by itself"))
	}
	back := nhsa.ReturnedGoods{
		Code: "XA01", ShopCode: "6901", ShopName: "阿莫西林胶囊", BatchNo: "B7", SettledAs: nhsa.PaidInsured, SetlID: booking.SetlID, Split: "0",
		Quantity: "1", Time: nhsa.Stamp(time.Now()), Operator: s.Operator.Name, SaleNo: receipt, Traces: row.Traces,
	}
	for _, want := range []bool{true, false} { // what came back cannot come back again
		if answer, _, err = s.must(nhsa.Returned{Rows: []nhsa.ReturnedGoods{back}}); err != nil {
			return err
		}
		if results, err = nhsa.DecodeGoods(answer, 1); err != nil || results[0].Accepted != want {
			return errors.Join(err, errors.New("3506 does not hold a return against the sale"))
		}
	}
	return nil
}

func checkFeed(s *Session) error {
	answer, _, err := s.must(nhsa.FamilyQuery{CertType: "03", CertNo: s.Person.CardNumber, Identifier: s.Person.Identifier})
	if err != nil {
		return err
	}
	if _, err := nhsa.DecodeSnapshotAnswer(answer); err != nil {
		return err
	}
	if answer, _, err = s.must(nhsa.DeltaQuery{Limit: 10}); err != nil {
		return err
	}
	_, err = nhsa.DecodeSnapshotAnswer(answer)
	return err
}

package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gongji/settle"
)

const (
	scanLimit   = 1200 // settlements that one page looks at, so that a rare combination cannot hold a reader for long
	streamLimit = 64   // words whose settlements are merged; more common words are tested settlement by settlement
)

// place is where a settlement stands in the order of pages: latest day first, in a day the latest first.
type place struct {
	day settle.Date
	id  int64
}

var firstPlace = place{math.MaxInt32, math.MaxInt64}

func (p place) before(q place) bool { return p.day > q.day || p.day == q.day && p.id > q.id }

func (p place) cursor() string { return fmt.Sprintf("%d-%d", p.day, p.id) }

func parsePlace(cursor string) (place, bool) {
	if cursor == "" {
		return firstPlace, true
	}
	day, id, found := strings.Cut(cursor, "-")
	d, dayErr := strconv.ParseInt(day, 10, 32)
	i, idErr := strconv.ParseInt(id, 10, 64)
	return place{settle.Date(d), i}, found && dayErr == nil && idErr == nil && d >= 0 && i >= 0
}

// recordMatch tells whether a settlement s fits everything that was asked; parameters ?5 to ?10. ?9 is a list of lists of
// words: of each list one must lead to the settlement.
const recordMatch = `(?5 = '' OR s.med_type = ?5) AND (?6 = '' OR s.area = ?6) AND (?7 = '' OR s.pos = ?7)
	AND (?8 = '' OR s.person IN (SELECT value FROM json_each(?8)))
	AND NOT EXISTS (SELECT 1 FROM json_each(?9) g WHERE NOT EXISTS
		(SELECT 1 FROM json_each(g.value) w JOIN found f ON f.word = w.value AND f.day = s.day AND f.settlement = s.id))
	AND (?10 = '' OR ?10 = CASE WHEN s.shop <> 'settled' THEN s.shop ELSE
		(SELECT CASE r.state WHEN 'pending' THEN 'settled' ELSE r.state END FROM report r WHERE r.settlement = s.id
			ORDER BY r.state = 'accepted', r.id DESC LIMIT 1) END)`

// The ways to walk settlements, latest first, from a place on. Parameters: ?1 the first day, ?2 and ?3 the place, ?4 what
// the way is along. Each follows one index from its end, so that a page costs the same wherever it lies.
const (
	alongDays = `SELECT s.day, s.id, ` + recordMatch + ` FROM settlement s
		WHERE ?4 = 0 AND s.day >= ?1 AND s.day <= ?2 AND (s.day, s.id) < (?2, ?3) ORDER BY s.day DESC, s.id DESC`
	alongPerson = `SELECT s.day, s.id, ` + recordMatch + ` FROM settlement s
		WHERE s.person = ?4 AND s.day >= ?1 AND s.day <= ?2 AND (s.day, s.id) < (?2, ?3) ORDER BY s.day DESC, s.id DESC`
	alongMedType = `SELECT s.day, s.id, ` + recordMatch + ` FROM settlement s
		WHERE s.med_type = ?4 AND s.day >= ?1 AND s.day <= ?2 AND (s.day, s.id) < (?2, ?3) ORDER BY s.day DESC, s.id DESC`
	alongArea = `SELECT s.day, s.id, ` + recordMatch + ` FROM settlement s
		WHERE s.area = ?4 AND s.day >= ?1 AND s.day <= ?2 AND (s.day, s.id) < (?2, ?3) ORDER BY s.day DESC, s.id DESC`
	alongShop = `SELECT s.day, s.id, ` + recordMatch + ` FROM settlement s
		WHERE s.shop = ?4 AND s.shop <> 'settled' AND s.day >= ?1 AND s.day <= ?2 AND (s.day, s.id) < (?2, ?3)
		ORDER BY s.day DESC, s.id DESC`
	alongReport = `SELECT s.day, s.id, ` + recordMatch + ` FROM settlement s
		WHERE s.id IN (SELECT settlement FROM report WHERE state = ?4 AND state <> 'accepted')
		AND s.day >= ?1 AND s.day <= ?2 AND (s.day, s.id) < (?2, ?3) ORDER BY s.day DESC, s.id DESC`
	alongWord = `SELECT x.day, x.settlement, ` + recordMatch + ` FROM found x CROSS JOIN settlement s ON s.id = x.settlement
		WHERE x.word = ?4 AND x.day >= ?1 AND x.day <= ?2 AND (x.day, x.settlement) < (?2, ?3)
		ORDER BY x.day DESC, x.settlement DESC`
	alongNumber = `SELECT s.day, s.id, ` + recordMatch + ` FROM settlement s
		WHERE s.id IN (SELECT id FROM settlement WHERE ref = ?4 UNION SELECT id FROM settlement WHERE receipt = ?4
			UNION SELECT id FROM settlement WHERE sale_id = ?4 UNION SELECT settlement FROM refund WHERE receipt = ?4)
		AND s.day >= ?1 AND s.day <= ?2 AND (s.day, s.id) < (?2, ?3) ORDER BY s.day DESC, s.id DESC`
)

// search is a query that has been understood: the ways to walk, and what every settlement on them is held against.
type search struct {
	from    settle.Date
	start   place
	way     string
	along   []any
	query   *settle.RecordQuery
	persons string // JSON list, or empty
	words   string // JSON list of lists
	nothing bool   // a word that was never written down
}

// Records are the settlements that a query finds, latest first. BAD_REQUEST for a cursor that is none; STORE_BROKEN.
func (l *Ledger) Records(ctx context.Context, q settle.RecordQuery) (page settle.RecordPage, err error) {
	err = l.read(ctx, func(t *tx) error {
		s, err := t.understand(&q)
		if err != nil || s.nothing {
			return err
		}
		places, next, err := t.walk(s, pageSize(q.Limit))
		if err != nil {
			return err
		}
		page.Next = next
		for _, at := range places {
			r, err := t.recordAt(at.id)
			if err != nil {
				return err
			}
			if !q.Reveal {
				r.Name, r.Number = "", ""
			}
			page.Records = append(page.Records, r)
		}
		return nil
	})
	return page, err
}

func pageSize(limit int) int {
	if limit <= 0 {
		return settle.DefaultRecords
	}
	return min(limit, settle.MaxRecords)
}

// understand turns texts into numbers of rows and chooses the shortest way.
func (t *tx) understand(q *settle.RecordQuery) (*search, error) {
	start, ok := parsePlace(q.Cursor)
	if !ok {
		return nil, badField("cursor", "翻页标记无效，请从第一页重新查询。", "is not a cursor of a page")
	}
	s := &search{from: q.From, start: start, query: q, words: "[]"}
	if end := (place{q.To, math.MaxInt64}); q.To != 0 && start.before(end) {
		s.start = end
	}
	persons, err := t.personsOf(q)
	if err != nil {
		return nil, err
	}
	groups, err := t.wordGroups(q)
	if err != nil {
		return nil, err
	}
	s.nothing = persons != nil && len(persons) == 0 || slices.ContainsFunc(groups, func(g []int64) bool { return len(g) == 0 })
	if s.nothing {
		return s, nil
	}
	if persons != nil {
		s.persons = jsonList(persons)
	}
	if len(groups) > 0 {
		s.words = jsonList(groups)
	}
	s.choose(persons, groups)
	return s, nil
}

// choose takes the way with the fewest settlements on it, as far as can be told without counting.
func (s *search) choose(persons []int64, groups [][]int64) {
	q := s.query
	slices.SortStableFunc(groups, func(a, b []int64) int { return len(a) - len(b) })
	one := func(way string, along any) { s.way, s.along = way, []any{along} }
	each := func(way string, along []int64) {
		s.way = way
		for _, id := range along {
			s.along = append(s.along, id)
		}
	}
	switch {
	case q.Settlement != "":
		one(alongNumber, q.Settlement)
	case len(persons) > 0:
		each(alongPerson, persons)
	case len(groups) > 0 && len(groups[0]) <= streamLimit:
		each(alongWord, groups[0])
	case isShopState(q.State):
		one(alongShop, q.State)
	case q.State == string(settle.ShopSettled):
		one(alongReport, string(settle.ReportPending))
	case q.State != "" && q.State != string(settle.ReportAccepted):
		one(alongReport, q.State)
	case q.MedType != "":
		one(alongMedType, q.MedType)
	case q.Area != "":
		one(alongArea, q.Area)
	default:
		one(alongDays, 0)
	}
}

func isShopState(state string) bool {
	return state == string(settle.ShopReversed) || state == string(settle.ShopRefunded) || state == string(settle.ShopPartlyRefunded)
}

func jsonList(list any) string {
	data, err := json.Marshal(list)
	if err != nil { // numbers always encode
		panic("ledger: a list does not encode: " + err.Error())
	}
	return string(data)
}

// personsOf are the rows of the patient who was asked for; nil where none was.
func (t *tx) personsOf(q *settle.RecordQuery) ([]int64, error) {
	switch {
	case !q.Number.Zero():
		rows, err := t.records("SELECT id FROM person WHERE certno = ?", t.vault().hash(KindCertno, q.Number.Reveal()))
		return append([]int64{}, rows...), err
	case q.Person != "":
		pid, _ := t.vault().pid(q.Person)
		rows, err := t.records("SELECT id FROM person WHERE pid = ?", pid)
		return append([]int64{}, rows...), err
	}
	return nil, nil
}

// wordGroups are the words of each thing that was asked for.
func (t *tx) wordGroups(q *settle.RecordQuery) (groups [][]int64, err error) {
	if q.Name != "" {
		ids, err := t.records("SELECT id FROM word WHERE hash = ? AND kind = ?", t.vault().hash(wordName, settle.FoldName(q.Name)), wordName)
		if err != nil {
			return nil, err
		}
		groups = append(groups, append([]int64{}, ids...))
	}
	tests := wordTests(q)
	if len(tests) == 0 {
		return groups, nil
	}
	known, err := t.knownWords()
	if err != nil {
		return nil, err
	}
	for _, test := range tests {
		group := []int64{}
		for _, w := range known {
			if test(w) {
				group = append(group, w.id)
			}
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// wordTests are what each asked text demands of a word.
func wordTests(q *settle.RecordQuery) (tests []func(knownWord) bool) {
	contains := func(text string, kinds ...string) {
		if text = foldWord(text); text != "" {
			tests = append(tests, func(w knownWord) bool { return slices.Contains(kinds, w.kind) && strings.Contains(w.folded, text) })
		}
	}
	if q.Terminal != "" {
		tests = append(tests, func(w knownWord) bool { return w.kind == wordTerminal && w.text == q.Terminal })
	}
	if q.Operator != "" {
		tests = append(tests, func(w knownWord) bool {
			return w.kind == wordOperator && (w.text == q.Operator || strings.HasPrefix(w.text, q.Operator+operatorGap))
		})
	}
	contains(q.Doctor, wordDoctor)
	contains(q.Disease, wordDisease)
	for _, word := range strings.Fields(q.Words) {
		contains(word, wordDoctor, wordDisease, wordItem, wordOperator)
	}
	return tests
}

// walk collects the places of a page. Several ways are walked side by side: each gives at most a page and stops where it has
// looked at its share; what lies beyond the nearest stop is left for the next page.
func (t *tx) walk(s *search, limit int) (places []place, next string, err error) {
	share := max(scanLimit/len(s.along), 20)
	horizon := place{} // the nearest place at which a way stopped; the zero place is behind all
	stopped := false
	for _, along := range s.along {
		found, end, more, err := t.walkAlong(s, along, limit, share)
		if err != nil {
			return nil, "", err
		}
		places = append(places, found...)
		if more && (!stopped || end.before(horizon)) {
			horizon, stopped = end, true
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		switch {
		case a.before(b):
			return -1
		case b.before(a):
			return 1
		}
		return 0
	})
	places = slices.Compact(places)
	if stopped {
		places = slices.DeleteFunc(places, func(p place) bool { return horizon.before(p) })
		next = horizon.cursor()
	}
	if len(places) > limit {
		places = places[:limit]
		next = places[limit-1].cursor()
	}
	return places, next, nil
}

var errEnough = errors.New("enough")

// walkAlong follows one way. end is the last place it looked at; more: it stopped before the way's end.
func (t *tx) walkAlong(s *search, along any, limit, share int) (found []place, end place, more bool, err error) {
	q := s.query
	looked := 0
	err = t.each(s.way, []any{s.from, s.start.day, s.start.id, along, q.MedType, q.Area, q.POS, s.persons, s.words, q.State},
		func(scan func(dest ...any) error) error {
			var at place
			var fits bool
			if looked == share || len(found) == limit {
				more = true
				return errEnough
			}
			if err := scan(&at.day, &at.id, &fits); err != nil {
				return err
			}
			looked++
			end = at
			if fits {
				found = append(found, at)
			}
			return nil
		})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return found, end, more, err
}

// recordAt is one settlement as a search shows it.
func (t *tx) recordAt(key int64) (r settle.Record, err error) {
	if r.Settlement, err = t.settlementBy(settlementQuery+"s.id = ?", key); err != nil {
		return r, err
	}
	var booking []byte
	var person int64
	if err := t.get("SELECT person, area, booking FROM settlement WHERE id = ?", []any{key}, &person, &r.Area, &booking); err != nil {
		return r, err
	}
	row, err := t.personBy("id = ?", person)
	if err != nil {
		return r, err
	}
	who, err := t.identity(&row)
	if err != nil {
		return r, err
	}
	r.Masked, r.MaskedNumber, r.Name, r.Number = settle.MaskName(who.Name), settle.MaskNumber(who.Certno), who.Name, who.Certno
	r.Doctor = doctorOf(&r.Sale)
	if booking != nil {
		var booked settle.Booking
		if err := t.vault().unsealJSON(KindBooking, booking, &booked); err != nil {
			return r, err
		}
		r.SetlID = booked.SetlID
	}
	r.CentreWord, err = t.centreWord(key)
	return r, err
}

// centreWord is what the centre last said about a settlement that it did not simply accept; empty for nothing.
func (t *tx) centreWord(key int64) (string, error) {
	var sealed []byte
	err := t.get(`SELECT detail FROM attention WHERE settlement = ? AND kind IN ('refused', 'adjusted', 'one_sided')
		ORDER BY id DESC LIMIT 1`, []any{key}, &sealed)
	if errors.Is(err, errNoRows) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, err := t.vault().unseal(KindNote, sealed)
	return string(text), err
}

// CountSettlements is how many settlements a period has, for the progress of an export.
func (l *Ledger) CountSettlements(ctx context.Context, from, to settle.Date) (n int, err error) {
	err = l.read(ctx, func(t *tx) error {
		return t.get("SELECT COUNT(*) FROM settlement WHERE day BETWEEN ? AND ?", []any{from, untilDay(to)}, &n)
	})
	return n, err
}

// untilDay is a period's last day; no date is the end of time.
func untilDay(to settle.Date) settle.Date {
	if to == 0 {
		return firstPlace.day
	}
	return to
}

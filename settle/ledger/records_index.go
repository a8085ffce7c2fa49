package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"gongji/settle"
)

// The kinds of words under which settlements are found. Except for a patient's name, whose seal lies with the person, the
// text is kept, sealed, beside the hash.
const (
	wordName     = "name"
	wordDoctor   = "doctor"
	wordOperator = "operator"
	wordTerminal = "terminal"
	wordItem     = "item"
	wordDisease  = "disease"
)

// relationUnknown stands for a relative whose relation nobody has told.
const relationUnknown = "other"

// visitWords are the parts of a clinic's visit that people search for.
type visitWords struct {
	DoctorName string `json:"doctor_name"`
	Diagnoses  []struct {
		Code       string `json:"code"`
		Name       string `json:"name"`
		DoctorName string `json:"doctor_name"`
	} `json:"diagnoses"`
}

// visitOf reads the visit of a sale; a visit of another form has no words.
func visitOf(sale *settle.Sale) (visit visitWords) {
	if len(sale.Visit) > 0 && json.Unmarshal(sale.Visit, &visit) != nil {
		return visitWords{}
	}
	return visit
}

// doctorOf is the doctor of a sale: of the visit, else of the prescription.
func doctorOf(sale *settle.Sale) string {
	if visit := visitOf(sale); visit.DoctorName != "" {
		return visit.DoctorName
	}
	return sale.Prescription.Doctor
}

// diseaseOf is what a sale was for: the disease it names, else the first diagnosis; empty for none.
func diseaseOf(sale *settle.Sale) string {
	if text := diseaseText(sale.Disease.Code, sale.Disease.Name); text != "" {
		return text
	}
	if visit := visitOf(sale); len(visit.Diagnoses) > 0 {
		return diseaseText(visit.Diagnoses[0].Code, visit.Diagnoses[0].Name)
	}
	return ""
}

func diseaseText(code, name string) string { return strings.TrimSpace(code + " " + name) }

// saleWords are the words of a sale besides the patient's name, by kind, each once.
func saleWords(sale *settle.Sale) map[string][]string {
	words := map[string][]string{}
	add := func(kind, text string) {
		if text = strings.TrimSpace(text); text != "" && !slices.Contains(words[kind], text) {
			words[kind] = append(words[kind], text)
		}
	}
	add(wordTerminal, sale.Terminal)
	add(wordOperator, operatorText(sale.Operator))
	add(wordDoctor, sale.Prescription.Doctor)
	add(wordDisease, diseaseOf(sale))
	for i := range sale.Lines {
		add(wordItem, sale.Lines[i].Name)
	}
	visit := visitOf(sale)
	add(wordDoctor, visit.DoctorName)
	for _, d := range visit.Diagnoses {
		add(wordDisease, diseaseText(d.Code, d.Name))
		add(wordDoctor, d.DoctorName)
	}
	return words
}

// operatorGap stands between an operator's id and name in a word.
const operatorGap = "\t"

// operatorText is an operator as a word: the id, and the name where there is one.
func operatorText(o settle.Operator) string {
	if o.Name == "" {
		return o.ID
	}
	return o.ID + operatorGap + o.Name
}

// wordIDs are the numbers of words that are on disk, by hash. There are as many as a shop has goods, doctors, operators and
// patients; beyond a bound the map begins anew.
type wordIDs struct {
	mu    sync.RWMutex
	known map[[hashBytes]byte]int64
}

const wordsKept = 20_000

func (w *wordIDs) get(hash []byte) (id int64, ok bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	id, ok = w.known[[hashBytes]byte(hash)]
	return id, ok
}

func (w *wordIDs) put(hash []byte, id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known == nil || len(w.known) >= wordsKept {
		w.known = map[[hashBytes]byte]int64{}
	}
	w.known[[hashBytes]byte(hash)] = id
}

// word is the number of a word, which is written where it is new.
func (t *tx) word(kind, text string) (id int64, err error) {
	kept := text
	if kind == wordName {
		text, kept = settle.FoldName(text), ""
	}
	name := t.vault().name(kind, text)
	if id, ok := t.ledger.wordIDs.get(name); ok {
		return id, nil
	}
	hash := t.vault().column(name)
	err = t.get("SELECT id FROM word WHERE hash = ? AND kind = ?", []any{hash, kind}, &id)
	if errors.Is(err, errNoRows) {
		sealed := []byte{}
		if kept != "" {
			sealed = t.vault().seal(KindNote, []byte(kept))
		}
		id, err = t.insert("INSERT INTO word (kind, hash, text) VALUES (?, ?, ?)", kind, hash, sealed)
	}
	if err == nil { // known to all once it is on disk; this transaction may yet be undone
		t.batch.after = append(t.batch.after, func() { t.ledger.wordIDs.put(name, id) })
	}
	return id, err
}

var foundTable = into("INSERT INTO found (word, day, settlement) VALUES", 3)

// indexSale writes under which words a settlement is found and by what it is summed.
func (t *tx) indexSale(key int64, patient *personRow, s *settle.Settlement, record int64) error {
	who, err := t.identity(patient)
	if err != nil {
		return err
	}
	words := saleWords(&s.Sale)
	words[wordName] = []string{who.Name}
	first, rows := map[string]any{wordDisease: nil}, rows{table: foundTable}
	for kind, texts := range words {
		for i, text := range texts {
			id, err := t.word(kind, text)
			if err != nil {
				return err
			}
			if i == 0 {
				first[kind] = id
			}
			rows.add(id, s.Day, key)
		}
	}
	if err := rows.insert(t); err != nil {
		return err
	}
	for _, kind := range []string{wordTerminal, wordOperator} { // a till may leave both out
		if first[kind] == nil {
			if first[kind], err = t.word(kind, ""); err != nil {
				return err
			}
		}
	}
	err = t.run("INSERT INTO sale_word (settlement, terminal, operator, disease) VALUES (?, ?, ?, ?)",
		key, first[wordTerminal], first[wordOperator], first[wordDisease])
	if err != nil {
		return err
	}
	return t.sumRelations(record, s.Sale.Patient, s.Postings, s.Figures.Shared)
}

// sumRelations adds up what relatives paid by what the patient is to them. What of their share no account known here has paid
// counts for a relative of unknown relation, so that the sums are those of the bill.
func (t *tx) sumRelations(record int64, patient settle.PersonID, postings []settle.Posting, share settle.Fen) error {
	sums := map[string]settle.Fen{}
	for i := range postings {
		p := &postings[i]
		if p.Person == patient {
			continue
		}
		relation := string(p.Relation)
		if relation == "" {
			relation = relationUnknown
		}
		sums[relation] += p.Amount
		share -= p.Amount
	}
	sums[relationUnknown] += share
	for relation, sum := range sums {
		if sum == 0 {
			continue
		}
		if err := t.run("INSERT INTO relation_sum (record, relation, amount) VALUES (?, ?, ?)", record, relation, sum); err != nil {
			return err
		}
	}
	return nil
}

// indexReturn writes by what a return is summed. before and kept are the lines that were sold before and after it.
func (t *tx) indexReturn(key, record int64, patient settle.PersonID, back *settle.Return, before, kept []settle.Line) error {
	operator, err := t.word(wordOperator, operatorText(back.Operator))
	if err != nil {
		return err
	}
	if err := t.run("INSERT INTO refund_word (refund, operator) VALUES (?, ?)", key, operator); err != nil {
		return err
	}
	sums := returnedByClass(before, kept)
	if rest := back.Figures.Fund - fundOf(sums); rest != 0 { // of a bill whose lines the centre splits otherwise
		sums[""] = settle.Figures{Fund: rest}
	}
	for class, sum := range sums {
		err := t.run("INSERT INTO refund_class (refund, class, total, fund) VALUES (?, ?, ?, ?)", key, class, sum.Total, sum.Fund)
		if err != nil {
			return err
		}
	}
	return t.sumRelations(record, patient, back.Postings, -back.Figures.Shared)
}

// returnedByClass is what of the lines before is not among those kept, by class of goods.
func returnedByClass(before, kept []settle.Line) map[string]settle.Figures {
	sums := map[string]settle.Figures{}
	add := func(lines []settle.Line, sign settle.Fen) {
		for i := range lines {
			sum := sums[lines[i].Class]
			sum.Total += sign * lines[i].Total
			sum.Fund += sign * lines[i].Fund
			sums[lines[i].Class] = sum
		}
	}
	add(before, 1)
	add(kept, -1)
	for class, sum := range sums {
		if sum == (settle.Figures{}) {
			delete(sums, class)
		}
	}
	return sums
}

func fundOf(sums map[string]settle.Figures) (fund settle.Fen) {
	for _, sum := range sums {
		fund += sum.Fund
	}
	return fund
}

// indexBatch is how many settlements of an older version's ledger are indexed in one transaction.
const indexBatch = 500

// indexRecords indexes what a version without the index has written. Of a ledger that is indexed it looks at what came
// since it was last opened, no further back.
func (l *Ledger) indexRecords(ctx context.Context, t *tx) error {
	mark, err := t.metaInt(metaIndexed)
	if err != nil {
		return err
	}
	for from := mark; ; {
		keys, err := t.records(`SELECT s.id FROM settlement s WHERE s.id > ? AND NOT EXISTS (SELECT 1 FROM sale_word w WHERE w.settlement = s.id)
			ORDER BY s.id LIMIT ?`, from, indexBatch)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			break
		}
		l.log.Info("indexing settlements of an older version", "batch", len(keys))
		if err := l.inTransaction(ctx, func() error { return t.indexOld(keys) }); err != nil {
			return err
		}
		from = keys[len(keys)-1]
	}
	var newest int64
	if err := t.get("SELECT COALESCE(MAX(id), 0) FROM settlement", nil, &newest); err != nil || newest == mark {
		return err
	}
	return t.setMeta(metaIndexed, newest)
}

// inTransaction runs a function in a transaction of the write connection, before the writer has begun to use it.
func (l *Ledger) inTransaction(ctx context.Context, run func() error) error {
	t := &tx{conn: l.writer.conn}
	if err := t.run("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := errors.Join(run(), ctx.Err()); err != nil {
		return errors.Join(err, t.run("ROLLBACK"))
	}
	return t.run("COMMIT")
}

// indexOld indexes settlements and their returns from their records.
func (t *tx) indexOld(keys []int64) error {
	for _, key := range keys {
		var record, person int64
		if err := t.get("SELECT record, person FROM settlement WHERE id = ?", []any{key}, &record, &person); err != nil {
			return err
		}
		var made settlementRecord
		if err := t.record(record, &made); err != nil {
			return err
		}
		patient, err := t.personBy("id = ?", person)
		if err != nil {
			return err
		}
		if err := t.indexSale(key, &patient, &made.Settlement, record); err != nil {
			return err
		}
		if err := t.indexOldReturns(key, &made.Settlement); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) indexOldReturns(key int64, made *settle.Settlement) error {
	refunds, err := t.records("SELECT id FROM refund WHERE settlement = ? ORDER BY id", key)
	if err != nil {
		return err
	}
	before := made.Sale.Lines
	for _, refund := range refunds {
		var seq int64
		if err := t.get("SELECT record FROM refund WHERE id = ?", []any{refund}, &seq); err != nil {
			return err
		}
		var back returnRecord
		if err := t.record(seq, &back); err != nil {
			return err
		}
		if err := t.indexReturn(refund, seq, made.Sale.Patient, &back.Return, before, back.Kept); err != nil {
			return err
		}
		before = back.Kept
	}
	return nil
}

package feed

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"gongji/settle"
)

// maxImportFaults is how many faults of a file one answer names.
const maxImportFaults = 200

// importLint finds what the format allows and a careful clerk would not (S-067). Faults are named by position, never by
// value.
type importLint struct {
	faults []settle.FieldFault
	centre settle.Date
	seen   map[string]string // kind and key → place of the first
}

// lintImport checks a file before the ledger is asked. Identity numbers of the old form, or with a small x, are completed
// in place, as they are wherever a number is typed.
func lintImport(s *settle.Snapshot, now time.Time) []settle.FieldFault {
	l := &importLint{centre: settle.DateOf(s.CentreTime), seen: map[string]string{}}
	if s.CentreTime.After(now.Add(futureImport)) {
		l.add("centre_time", "时间晚于本机时间。", "is later than this machine's clock")
	}
	for i := range s.People {
		l.person(fmt.Sprintf("people[%d]", i), &s.People[i])
	}
	for i := range s.Accounts {
		l.once("account", s.Accounts[i].PsnNo, fmt.Sprintf("accounts[%d].psn_no", i))
	}
	for i := range s.Bindings {
		l.binding(fmt.Sprintf("bindings[%d]", i), &s.Bindings[i])
	}
	for i := range s.Usage {
		l.once("usage", s.Usage[i].PsnNo, fmt.Sprintf("usage[%d].psn_no", i))
	}
	for i, ref := range s.EndedBinds {
		l.once("binding", ref, fmt.Sprintf("ended.bindings[%d]", i))
	}
	for i, psnNo := range s.EndedPsnNo {
		l.once("person", psnNo, fmt.Sprintf("ended.people[%d]", i))
	}
	return l.faults
}

func (l *importLint) add(place, message, detail string) {
	l.faults = append(l.faults, settle.FieldFault{Field: place, Message: message, Detail: detail})
}

// part checks a part of a large file, whose first facts have those numbers, and counts its facts.
func (l *importLint) part(s *settle.Snapshot, counts *settle.FactCounts) {
	for i := range s.People {
		l.person(fmt.Sprintf("people[%d]", counts.People+i), &s.People[i])
	}
	for i := range s.Bindings {
		l.binding(fmt.Sprintf("bindings[%d]", counts.Bindings+i), &s.Bindings[i])
	}
	counts.People, counts.Accounts = counts.People+len(s.People), counts.Accounts+len(s.Accounts)
	counts.Bindings, counts.Usage = counts.Bindings+len(s.Bindings), counts.Usage+len(s.Usage)
}

// once refuses what the file names a second time.
func (l *importLint) once(kind, key, place string) {
	if l.seen == nil {
		return
	}
	if first, again := l.seen[kind+" "+key]; again {
		l.add(place, "重复，已在 "+first+" 出现。", "is the same as "+first)
		return
	}
	l.seen[kind+" "+key] = place
}

func (l *importLint) person(place string, p *settle.SnapshotPerson) {
	l.once("person", p.PsnNo, place+".psn_no")
	number, err := settle.ParseIDNumber(p.IDNumber)
	switch {
	case err != nil:
		l.add(place+".certno", "身份证号不正确（GB 11643）。", err.Error())
	case number.Birth() > l.centre:
		l.add(place+".certno", "出生日期晚于文件时间。", "holds a birth date after centre_time")
	default:
		p.IDNumber = number.Reveal()
		l.once("number", p.IDNumber, place+".certno")
	}
	switch {
	case strings.TrimSpace(p.Name) == "":
		l.add(place+".psn_name", "姓名为空。", "is empty")
	case strings.TrimSpace(p.Name) != p.Name || strings.ContainsFunc(p.Name, func(r rune) bool { return unicode.IsControl(r) || unicode.IsDigit(r) }):
		l.add(place+".psn_name", "姓名含有空白、数字或控制字符。", "begins or ends with a space, or holds a digit or a control character")
	}
	if p.Insurance != settle.InsuranceEmployee && p.Insurance != settle.InsuranceResident {
		l.add(place+".insutype", "险种须为 310 或 390。", "is neither 310 nor 390")
	}
	for i := range p.Cards {
		l.once("card", p.Cards[i].Number+"|"+p.Cards[i].Identifier, fmt.Sprintf("%s.cards[%d]", place, i))
	}
}

func (l *importLint) binding(place string, b *settle.SnapshotBinding) {
	l.once("binding", b.ID, place+".binding_id")
	if b.Active && (b.ValidTo == 0 || b.ValidTo >= l.centre) {
		l.once("pair", strings.Join([]string{b.Giver, b.Beneficiary, string(b.Mode)}, " "), place)
	}
	if b.Giver == b.Beneficiary {
		l.add(place+".beneficiary", "共济双方不能是同一人。", "is the giver")
	}
	if !slices.Contains(settle.Relations, b.Relation) {
		l.add(place+".relation", "关系不在规定的八种之内。", "is not one of the eight kinds")
	}
	if b.Rank < 0 {
		l.add(place+".rank", "顺序不能为负。", "is negative")
	}
	if b.BoundAt > l.centre {
		l.add(place+".bound_at", "绑定日期晚于文件时间。", "is after centre_time")
	}
	if b.ValidTo != 0 && b.ValidTo < b.ValidFrom {
		l.add(place+".valid_to", "截止日期早于生效日期。", "is before valid_from")
	}
	if b.QuotaUsed > b.QuotaTotal {
		l.add(place+".quota_used", "已用额度大于总额度。", "is more than quota_total")
	}
}

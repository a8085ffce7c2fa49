package session

import (
	"regexp"
	"slices"

	"gongji/settle"
)

// What is kept with a request for a binding: the notice that was read, how the giver was authenticated, the relative's
// contact, the household's network; and the digest by which people confirm.

var (
	phoneText   = regexp.MustCompile(`^\+?[0-9][0-9 -]{4,18}$`)
	networkText = regexp.MustCompile(`^[0-9A-Za-z-]{1,32}$`)
	digestText  = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func (f *faults) notice(r *NoticeRequest) settle.NoticeRead {
	if r == nil {
		return settle.NoticeRead{}
	}
	f.text("notice.id", r.ID, 32, true)
	f.text("notice.version", r.Version, 32, true)
	if !slices.Contains(settle.NoticeReaders, r.ReadBy) {
		f.add("notice.read_by", "须写明告知书是谁读的：giver 或 operator。", "must be giver or operator")
	}
	return settle.NoticeRead(*r)
}

// authMethod is how the giver was authenticated; the card in the reader where nothing else is told.
func (f *faults) authMethod(text string) string {
	switch {
	case text == "":
		return "card"
	case !slices.Contains(settle.AuthMethods, text):
		f.add("auth_method", "认证方式须为 card、evoucher、face 或 window。", "must be card, evoucher, face or window")
	}
	return text
}

func (f *faults) contact(r *ContactRequest) settle.Contact {
	if r == nil {
		return settle.Contact{}
	}
	if r.Phone != "" && !phoneText.MatchString(r.Phone) {
		f.add("contact.phone", "电话号码不正确。", "is not a telephone number")
	}
	f.text("contact.household_number", r.HouseholdNumber, 32, false)
	f.text("contact.household_address", r.HouseholdAddress, 200, false)
	return settle.Contact(*r)
}

func (f *faults) network(text string) string {
	if text != "" && !networkText.MatchString(text) {
		f.add("network", "家庭共济网编号不正确。", "must match "+networkText.String())
	}
	return text
}

func (f *faults) confirm(r *ConfirmRequest) {
	if r.ConfirmDigest == "" {
		return
	}
	if !digestText.MatchString(r.ConfirmDigest) {
		f.add("confirm_digest", "确认码不正确，请用预览给出的确认码。", "must be the 64 hexadecimal digits of a preview")
	}
	if r.Preview {
		f.add("preview", "预览和确认不能同时提交。", "stands alone: a preview confirms nothing")
	}
}

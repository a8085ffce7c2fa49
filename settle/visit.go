package settle

import "strings"

// IsPharmacyType reports whether a med_type is a purchase at a pharmacy: 41 and its local sub-types, and the pharmacy
// form of the chronic purchase.
func IsPharmacyType(medType string) bool {
	return strings.HasPrefix(medType, "41") || medType == "9929"
}

// Clinic reports whether the sale is settled as a visit (2201 to 2208) and not as a pharmacy's sale (2102, 2103).
func (s *Sale) Clinic() bool { return len(s.Visit) > 0 && !IsPharmacyType(s.MedType) }

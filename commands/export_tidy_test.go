package commands

// NewTidier gives the look of a tidier.
func NewTidier(said func() uint64) (look func() bool) { return newTidier(said).look }

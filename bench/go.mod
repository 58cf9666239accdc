module redstart/bench

go 1.26.0

require redstart v0.0.0

replace redstart => ..

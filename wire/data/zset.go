package data

var zsetCommands []Command

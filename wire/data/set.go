package data

var setCommands []Command

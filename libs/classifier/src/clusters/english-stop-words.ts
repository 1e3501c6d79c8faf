/** Function words of English that the paper's features leave out. */
export const englishStopWords: ReadonlySet<string> = new Set(
  `a about above after again against all almost alone along already also although always am among an and another any
  anybody anyone anything anywhere are around as at away back be became because become becomes been before behind being
  below beside besides between beyond both but by can cannot could did do does doing done down due during each either
  else elsewhere enough etc even ever every everybody everyone everything everywhere except few first for former from
  further get give go had has have having he hence her here hers herself him himself his how however i if in indeed
  instead into is it its itself just last latter least less made make many may me meanwhile might mine more moreover
  most mostly much must my myself namely neither never nevertheless next no nobody none nor not nothing now nowhere of
  off often on once one only onto or other others otherwise our ours ourselves out over own per perhaps please put
  quite rather re same see seem seemed seems several shall she should since so some somebody somehow someone something
  sometimes somewhere still such than that the their theirs them themselves then there therefore these they this those
  though through throughout thus to together too toward towards under unless until up upon us very via was we well were
  what whatever when whenever where whereas wherever whether which while who whoever whole whom whose why will with
  within without would yet you your yours yourself yourselves`.split(/\s+/),
);

"""The passwords that everybody tries first, without the digits that people put around them.

From the heads of the public lists (NCSC 2019, SecLists "10k most common", NordPass 2019-2024), those that reach ten
characters with a few digits or signs more.
"""

from __future__ import annotations

from typing import Final

COMMON: Final = frozenset(
    """
    password passw0rd passwort motdepasse contrasena contraseña senha wachtwoord parola haslo пароль passphrase
    mypassword thepassword yourpassword newpassword oldpassword passwordpassword password1password pass passpass
    passpasspass pword pswd p4ssword pa55word pa55w0rd p455w0rd passwd secret secretsecret topsecret supersecret
    mysecret geheim letmein letmeinnow letmeinplease openup opensesame sesame welcome welcometo welcomeback welcomehome
    willkommen bienvenue changeme changemenow changethis changeit pleasechange pleasechangeme default defaultpassword
    temp temporary temppassword temppass test testing tester testtest testpassword testuser testaccount demo demodemo
    example admin administrator adminadmin adminpassword adminpass superadmin sysadmin root rootroot rootpassword toor
    user username useruser guest guestguest login loginlogin master masterkey masterpassword superuser supervisor
    manager system server database oracle postgres postgresql mysql qwerty qwertyuiop qwertyui qwertyqwerty qwert qwertz
    qwertzuiop azerty azertyuiop asdf asdfgh asdfghjkl asdfasdf asdfjkl asdfqwer qweasd qweasdzxc qazwsx qazwsxedc
    qazwsxedcrfv zaqwsx zaq1zaq1 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 1qaz2wsx 1qaz2wsx3edc
    1qazxsw2 zaq12wsx zxcvbn zxcvbnm zxcv abc abcd abcde abcdef abcdefg abcdefgh abcdefghij abcabc aabbcc a1b2c3
    a1b2c3d4 a1b2c3d4e5 iloveyou iloveu ilovegod iloveme loveyou lovelove lovely mylove love princess princesa sunshine
    shadow football baseball basketball soccer hockey superman batman spiderman pokemon dragon dragonball monkey
    monkeymonkey michael michelle jennifer jessica jordan ashley daniel charlie thomas george andrew anthony joshua
    matthew robert william nicole natasha amanda samantha hunter killer trustno trustnoone whatever nothing computer
    internet samsung google googlegoogle facebook linkedin microsoft windows apple android starwars mustang harley
    ferrari mercedes porsche chocolate cookie butterfly flower summer winter spring autumn monday friday sunday january
    february march april june july august september october november december freedom forever hello hellohello
    helloworld hallo hallohallo bonjour goodluck blessed jesus jesuschrist christ heaven angel angels babygirl liverpool
    chelsea arsenal manchester barcelona juventus realmadrid yankees cowboys steelers lakers eagles ranger rangers
    corvette jackson metallica nirvana blink naruto minecraft fortnite roblox playstation xbox nintendo access
    accessdenied security secure private money million company business office work stanch stanchstanch stanchadmin
    stanchpassword
    """.split()  # noqa: SIM905 - as a list it is six pages long
)
SEQUENCES: Final = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcba",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
)
